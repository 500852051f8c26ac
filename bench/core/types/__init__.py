"""Types of the suite: Images, Dataset, Prior, Gan, Inverter, Refiner, Metric, Cell, Record.

All packages may import this one. Its modules import each other directly, the errors, and the run context for an
annotation. Torch appears in annotations only, so that suites, records and reports are read without loading it.
"""

from bench.core.types.gans import Gan, Prior
from bench.core.types.images import Dataset, DatasetSource, FitData, Images, Shape
from bench.core.types.methods import Capacity, Inverter, Refiner
from bench.core.types.metrics import Embedding, EvalBatch, FeatureExtractor, Metric, Side, Track, influence_column
from bench.core.types.runs import Budget, Cell, ComponentSpec, Record

__all__ = [
    "Budget",
    "Capacity",
    "Cell",
    "ComponentSpec",
    "Dataset",
    "DatasetSource",
    "Embedding",
    "EvalBatch",
    "FeatureExtractor",
    "FitData",
    "Gan",
    "Images",
    "Inverter",
    "Metric",
    "Prior",
    "Record",
    "Refiner",
    "Shape",
    "Side",
    "Track",
    "influence_column",
]
