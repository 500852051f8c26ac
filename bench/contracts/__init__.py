"""The nouns of the suite, and nothing else: Images, Dataset, Prior, Gan, Inverter, Refiner, Metric, Cell, Record.

Everyone may import this room and it imports nobody. Torch appears in annotations only, so that suites, records
and reports are read without loading it.
"""

from bench.contracts.gans import Gan, Prior
from bench.contracts.images import Dataset, DatasetSource, FitData, Images, Shape
from bench.contracts.methods import Capacity, Inverter, Refiner
from bench.contracts.metrics import Embedding, FeatureNetwork, Metric, Pairs, Side, Track
from bench.contracts.runs import Budget, Cell, Choice, Record

__all__ = [
    "Budget",
    "Capacity",
    "Cell",
    "Choice",
    "Dataset",
    "DatasetSource",
    "Embedding",
    "FeatureNetwork",
    "FitData",
    "Gan",
    "Images",
    "Inverter",
    "Metric",
    "Pairs",
    "Prior",
    "Record",
    "Refiner",
    "Shape",
    "Side",
    "Track",
]
