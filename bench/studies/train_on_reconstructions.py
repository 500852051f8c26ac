"""Classifiers trained on reconstructions compared with those trained on originals (invgan, section 4.1, Table 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.core.errors import BenchError, DataError
from bench.core.registry import study
from bench.core.types import Budget, Cell, ComponentSpec, FitData, Images
from bench.harness.suite import parse_choice, parse_options
from bench.studies.base import Study, StudyRequest, StudyResult, words_of

if TYPE_CHECKING:
    from bench.core.types import Dataset
    from bench.metrics.classifier_config import ClassifierConfig

FEWEST = 20
"""Smallest number of test images."""
EXAMPLES = 8


@study("train-on-reconstructions")
@dataclass
class TrainOnReconstructions(Study):
    """mAP of classifiers trained on originals, and on tiled and full reconstructions, tested on each of them (C50).

    Attributes:
        full: GAN of whole images; options follow a "?".
        tile: GAN of patches, likewise; one whose images are smaller than the reconstructed ones, or ``tiled``.
        tile_dataset: training dataset of the GAN of patches; "" for that of the study.
        method: method that inverts test and all training images with both GANs, for which a search takes long.
        train_steps: training steps of both GANs.
        fit_steps: training steps of a method that is trained.
        search_steps: steps of a method that searches.
        refine_steps: steps of a refiner.
        train_images: number of training images that are reconstructed and trained on; 0 for all.
        recipe: options of the classifiers, in place of the dataset's own: ``epochs=3&rate=2e-3&cycle=true``.
    """

    default_dataset: ClassVar[str] = "drawn-faces"

    full: str = "invgan"
    tile: str = "tiled?of=invgan"
    tile_dataset: str = ""
    method: str = "encoder?space=w"
    train_steps: int = 2000
    fit_steps: int = 300
    search_steps: int = 100
    refine_steps: int = 50
    train_images: int = 0
    recipe: str = ""

    def __post_init__(self) -> None:
        if min(self._steps()) < 0 or self.train_images < 0:
            raise ValueError("train_images and all numbers of steps must be 0 or more")

    def _steps(self) -> tuple[int, int, int, int]:
        return self.train_steps, self.fit_steps, self.search_steps, self.refine_steps

    def run(self, request: StudyRequest) -> StudyResult:
        """Reconstruct the training images, train classifiers, and compare their average precision."""
        import numpy as np

        from bench.applications.measures import facts_of
        from bench.datasets.catalogue import open_here
        from bench.harness.context import HarnessContext
        from bench.harness.store import Store
        from bench.studies.reconstruction_scores import SETS, Scores, draw
        from bench.studies.reconstruction_sets import draw_again, logits_of

        if request.network:
            raise BenchError("train-on-reconstructions trains its own classifiers: leave out --network")
        choice = request.dataset or ComponentSpec(self.default_dataset)
        cells = self._cells(choice, request)
        data: Dataset = open_here(choice, "--dataset").load()
        recipe = self._recipe(data)
        recipe.build(data)
        train = data.train.first(self._learnt(data))
        test = data.test.first(request.count(len(data.test), FEWEST, words_of(choice)))
        names, truth = facts_of(test if test.labels is None else Images(test.data, test.labels), data.classes)
        bench = HarnessContext(Store(), request.device, request.progress)
        sets = {"original": test} | {name: draw_again(bench, cell, test, name) for name, cell in cells.items()}
        logits = []
        for name in SETS:
            known = train if name == "original" else draw_again(bench, cells[name], train, f"{name}, to learn from")
            learnt = FitData(f"{name} images of {data.name}", known, data.val, data.classes)
            found = logits_of(bench, learnt, tests=sets, recipe=recipe, seed=request.seed).double()
            logits.append((found if test.labels is None else found.log_softmax(-1)).numpy())
        scores = Scores.of(truth.numpy(), np.stack(logits), names, request.seed)
        where = f"{words_of(choice)}, {len(train):,} training and {len(test):,} test images"
        pictures = {name: images.data[:EXAMPLES].numpy() for name, images in sets.items()}
        return StudyResult(
            title="Training on reconstructions",
            dataset=words_of(choice),
            network="",
            asked=ASKED,
            measured=self._measured(where, cells, recipe, len(scores.names)),
            tables={
                "Mean average precision": scores.frame(),
                "Average precision on originals": scores.by_attribute(),
            },
            verdicts=(scores.verdict(),),
            protocol={
                "images": len(test),
                "train_images": len(train),
                "checksums": {"train": train.checksum, **{name: images.checksum for name, images in sets.items()}},
                "recipe": repr(recipe),
                "gans": {name: words_of(cell.gan) for name, cell in cells.items()},
                "tile_dataset": words_of(cells["tile"].dataset),
                "method": self.method,
                "steps": list(self._steps()),
            },
            draw=lambda: draw(scores, pictures, where),
            caption=f"Test images as they are and as each GAN draws them again, and what classifiers learn. {where}.",
            advice="Longer training: --option train_steps=20000. Another inversion: --option method=encoder+opt.",
        )

    def check_stored(self) -> None:
        """Check that the training data of the GAN of patches exist; see ``Study.check_stored``."""
        from bench.datasets.catalogue import open_here

        if self.tile_dataset:
            option = "--option tile_dataset"
            open_here(parse_choice(self.tile_dataset, f"{option} ="), option)

    def _cells(self, dataset: ComponentSpec, request: StudyRequest) -> dict[str, Cell]:
        """Return the cells that reconstruct tiles and whole images.

        Raises:
            UnknownName: no such GAN, method, dataset or option; raised before any images are read.
        """
        from bench.core.options import create
        from bench.gans.zoo import gan_file, without_pick
        from bench.harness.bound_method import make_method
        from bench.harness.suite_parser import checked

        def named(kind: str, text: str, option: str) -> ComponentSpec:
            return checked(kind, parse_choice(text, f"--option {option} ="), f"--option {option}")

        def recipe(text: str, option: str) -> ComponentSpec:
            choice = named("gan", text, option)
            if gan_file(choice.name) is None:
                create("gan", without_pick(choice.name), choice.options, f"--option {option}")
            return choice

        method = named("method", self.method, "method")
        make_method(method)
        other = named("dataset", self.tile_dataset, "tile_dataset") if self.tile_dataset else dataset
        budget = Budget("study", 0, 0, 1, *self._steps(), timeout=86400.0)
        gans = {"tile": (other, self.tile), "full": (dataset, self.full)}
        return {
            name: Cell(learnt, recipe(text, name), method=method, seed=request.seed, budget=budget, metrics=())
            for name, (learnt, text) in gans.items()
        }

    def _recipe(self, data: Dataset) -> ClassifierConfig:
        from bench.core.options import build
        from bench.metrics.classifier import recipe_kind

        options = parse_options(self.recipe.split("&") if self.recipe else (), "--option recipe =")
        recipe: ClassifierConfig = build(recipe_kind(data), "recipe", options)
        return recipe

    def _learnt(self, data: Dataset) -> int:
        if self.train_images > len(data.train):
            raise DataError(f"train_images = {self.train_images}: {data.name} has {len(data.train):,}")
        return self.train_images

    def _measured(
        self, where: str, cells: dict[str, Cell], recipe: ClassifierConfig, attributes: int
    ) -> tuple[str, ...]:
        from bench.studies.reconstruction_scores import DRAWS

        made = "; ".join(
            f"{name}: {words_of(cell.gan)}, {self.train_steps:,} steps on {words_of(cell.dataset)}"
            for name, cell in cells.items()
        )
        return (
            f"{where}. Reconstructions by {self.method} of two GANs, rounded to 8 bits: {made}.",
            f"A classifier for each training set, the same weights and batches to begin with: {recipe}. The paper "
            "trains a ResNet50 for each of 20 attributes.",
            f"mAP: mean over {attributes} attributes or classes that test images differ in, of precision times the "
            "step in recall. What is true of an image is true of its reconstructions.",
            f"Intervals: {DRAWS:,} bootstrap samples of the test images, the same for both sides of a difference "
            "(95 %); they say nothing of other training seeds. sd_over_attributes is what the paper prints as ±.",
        )


ASKED = """\
If a reconstruction keeps what an image shows, a classifier can learn from reconstructions and classify originals.
The paper trains classifiers of attributes on original faces, on faces assembled from inverted tiles, and on faces
that were inverted whole, and tests each classifier on all three."""
