"""PSNR, SSIM, FID and KID of reconstructions against the number of test images (dfi 3.2, recycling 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import DataError
from bench.core.registry import study
from bench.core.types import Budget, Cell, ComponentSpec
from bench.statistics import Floats
from bench.studies.base import Study, StudyRequest, StudyResult, words_of

if TYPE_CHECKING:
    from torch import Tensor

OWN_IMAGES = 8
"""Generated images, which the stages invert too but this study does not use: the smallest number."""
SHIPPED = "{dataset}/dcgan"


@study("sample-size")
@dataclass
class SampleSize(Study):
    """PSNR, SSIM, FID and KID of reconstructions from 100 to 10,000 test images (C27, C36).

    Training, fitting and inversion are stages of the suite, whose stored results are reused.

    Attributes:
        sizes: numbers of images; those above the number of test images are left out, and that number is added.
        repeats: number of subsets of each size; disjoint if they fit, else drawn at random.
        method: method that inverts the test images; options follow a "?".
        gan: the GAN; options follow a "?"; "" for the dataset's DCGAN that ships.
        train_steps: training steps of a GAN that is a recipe.
        fit_steps: training steps of the method.
        search_steps: steps of a method that searches.
        refine_steps: steps of a refiner.
        kid_subset: images in each subset that KID averages over, the same for every size.
    """

    sizes: tuple[int, ...] = (100, 200, 500, 1000, 2000, 5000, 10000)
    repeats: int = 10
    method: str = "dfi?batch=64"
    gan: str = ""
    train_steps: int = 3000
    fit_steps: int = 1000
    search_steps: int = 100
    refine_steps: int = 50
    kid_subset: int = 100

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 2:
            raise ValueError(f"sizes = {list(self.sizes)}: expected 2 or more rising numbers from 2 up")
        if self.repeats < 2:
            raise ValueError(f"repeats = {self.repeats}: a spread needs 2 or more subsets")
        if not 2 <= self.kid_subset <= self.sizes[0]:
            raise ValueError(f"kid_subset = {self.kid_subset}: expected 2 to {self.sizes[0]}, the smallest size")

    def run(self, request: StudyRequest) -> StudyResult:
        """Invert the test images, and compute the metrics on subsets of the pairs."""
        from bench.studies import feature_networks
        from bench.studies.sample_curves import SampleSizeCurves, draw

        choice = request.dataset or ComponentSpec(self.default_dataset)
        networks = feature_networks.choose_networks(request, ("fid",), choice.name)
        gan, method = self._choices(choice)
        data = feature_networks.open_data(choice)
        count = request.count(len(data.test), 2 * self.sizes[0], words_of(choice))
        extractors = feature_networks.FeatureExtractors(networks, data.shape, request.device)
        cell = Cell(choice, gan, method=method, seed=request.seed, budget=self._budget(count), metrics=())
        outputs, keys = reconstructions(cell, request)
        pairs = reconstruction_features(extractors, data.test.first(count).data, outputs, request)
        curves = SampleSizeCurves.of(self._measured(pairs, request), pairs.psnr, request.seed)
        what = f"{words_of(method)} on {words_of(gan)}"
        where = f"{words_of(choice)}, {count:,} test images, {what}, {self.fit_steps:,} fit steps"
        return StudyResult(
            title="Sample size",
            dataset=words_of(choice),
            network=extractors.title,
            asked=ASKED,
            measured=(f"{where}; {extractors.shown}.", *curves.words(self.kid_subset)),
            tables={"Mean and standard deviation over subsets": curves.frame()},
            verdicts=curves.verdicts(),
            protocol={
                "images": count,
                "shape": list(data.shape),
                "checksum": data.test.first(count).checksum,
                "gan": words_of(gan),
                "method": words_of(method),
                "keys": keys,
                "networks": extractors.protocol(),
                "kid": f"{self.kid_subset} images in each of 100 subsets",
            },
            draw=lambda: draw(curves, f"{where}, {extractors.shown}"),
            caption=f"Reconstructions of test images, measured on subsets. {where}; {extractors.shown}.",
            advice="The codes are stored: the same command with other sizes or repeats only measures.",
        )

    def _choices(self, dataset: ComponentSpec) -> tuple[ComponentSpec, ComponentSpec]:
        """Return GAN and method.

        Raises:
            BenchError: a name does not exist, or no GAN of the dataset ships.
        """
        from bench.harness.suite import parse_choice
        from bench.harness.suite_parser import checked
        from bench.studies.gans import MISSING, choose_gan

        gan = choose_gan(self.gan, SHIPPED.format(dataset=dataset.name), MISSING.format(dataset=dataset.name))
        return gan, checked("method", parse_choice(self.method, "--option method ="), "--option method")

    def _budget(self, images: int) -> Budget:
        return Budget(
            name="study",
            train_images=0,
            test_images=images,
            own_images=OWN_IMAGES,
            train_steps=self.train_steps,
            fit_steps=self.fit_steps,
            search_steps=self.search_steps,
            refine_steps=self.refine_steps,
            timeout=86400.0,
        )

    def _measured(
        self, pairs: ReconstructionFeatures, request: StudyRequest
    ) -> Iterator[tuple[int, bool, dict[str, float]]]:
        """Yield size, True if its subsets are disjoint, and values for every subset."""
        sizes = [size for size in self.sizes if size < len(pairs.psnr)] + [len(pairs.psnr)]
        if len(sizes) < 2:
            raise DataError(f"sample-size: {len(pairs.psnr)} images leave one size; give smaller sizes")
        for number, size in enumerate(sizes, 1):
            subsets, disjoint = draw_subsets(len(pairs.psnr), size, self.repeats, request.seed)
            for rows in subsets:
                yield size, disjoint, pairs.measure(rows, self.kid_subset)
            request.progress("measure subsets", number, len(sizes), {"images": float(size)})


ASKED = """\
Both papers call their measures reliable on few test images: dfi because FID is taken between images and their own
reconstructions, so that both sides hold the same images; recycling because PSNR and SSIM hardly move between 100 and
10,000 test images."""


@dataclass(frozen=True)
class ReconstructionFeatures:
    """Per-image values and features of test images and their reconstructions.

    Attributes:
        psnr: PSNR ``[N]`` in dB.
        ssim: SSIM ``[N]``.
        target: features ``[N, F]`` of the test images.
        output: features ``[N, F]`` of the reconstructions.
    """

    psnr: Floats
    ssim: Floats
    target: Tensor
    output: Tensor

    def measure(self, rows: NDArray[np.int64], kid_subset: int) -> dict[str, float]:
        """Compute every metric on some pairs; the two sides of ``fid_unpaired`` are different halves of them."""
        import torch

        from bench.metrics.frechet import frechet_distance
        from bench.metrics.kernel import kernel_distance

        index = torch.from_numpy(rows)
        target, output = self.target[index], self.output[index]
        psnr = self.psnr[rows]
        half = len(rows) // 2
        return {
            "psnr": float(psnr[np.isfinite(psnr)].mean()) if np.isfinite(psnr).any() else np.inf,
            "ssim": float(self.ssim[rows].mean()),
            "fid": frechet_distance(target, output),
            "fid_unpaired": frechet_distance(target[:half], output[half:]),
            "kid": kernel_distance(target, output, subset=kid_subset)[0],
        }


def draw_subsets(count: int, size: int, repeats: int, seed: int) -> tuple[list[NDArray[np.int64]], bool]:
    """Draw subsets of ``range(count)``, and return True if they are disjoint; one subset if ``size`` is ``count``."""
    rng = np.random.RandomState(seed)
    if size == count:
        return [rng.permutation(count).astype(np.int64)], True
    if size * repeats <= count:
        order = rng.permutation(count).astype(np.int64)
        return [order[i * size : (i + 1) * size] for i in range(repeats)], True
    return [rng.permutation(count)[:size].astype(np.int64) for _ in range(repeats)], False


def reconstructions(cell: Cell, request: StudyRequest) -> tuple[Tensor, Mapping[str, str]]:
    """Reconstruct the test images with a cell's method, uint8 ``[N, C, H, W]``; return also the keys of its stages.

    Raises:
        BenchError: a stage failed; the message gives the reason.
    """
    import torch

    from bench.metrics.base import to_u8
    from bench.studies.gans import invert_test_images

    view, codes, keys = invert_test_images(cell, request)
    with torch.no_grad():
        made = [to_u8(view.decode(part)).cpu() for part in codes.split(250)]
    return torch.cat(made), keys


def reconstruction_features(
    extractors: Any, targets: Tensor, outputs: Tensor, request: StudyRequest
) -> ReconstructionFeatures:
    """Compute per-image values and features of both sides."""
    import torch

    from bench.metrics.evaluation import batch_size
    from bench.metrics.pixels import psnr, ssim

    parts: list[tuple[Tensor, ...]] = []
    size = batch_size((int(targets.shape[1]), int(targets.shape[2]), int(targets.shape[3])))
    for target, output in zip(targets.split(size), outputs.split(size), strict=True):
        sides = (extractors.features(extractors.embed(side)) for side in (target, output))
        parts.append((psnr(target, output), ssim(target, output), *sides))
        request.progress("features of images", min(len(parts) * size, len(targets)), len(targets), {})
    first, second, third, fourth = (torch.cat(column) for column in zip(*parts, strict=True))
    return ReconstructionFeatures(first.numpy(), second.numpy(), third, fourth)
