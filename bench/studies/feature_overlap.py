"""Real and generated images in the plane of two components of a discriminator's features (dfi, section 4.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core.errors import BenchError, NotApplicable
from bench.core.registry import study
from bench.core.types import ComponentSpec, Dataset, Gan
from bench.studies.base import Study, StudyRequest, StudyResult, words_of

if TYPE_CHECKING:
    from torch import Tensor

SHIPPED = "{dataset}/lsgan"
LARGEST_BYTES = 6 * 2**30
"""Largest size of both sets of features as float32; computing the components needs a copy of them."""
FEWEST_IMAGES = 200


@study("feature-overlap")
@dataclass
class FeatureOverlap(Study):
    """Real and generated images in the plane of the first two components of D's features (C29).

    Attributes:
        gan: the GAN; options follow a "?"; "" for the dataset's LSGAN that ships.
        layers: layers of the discriminator; "last" is its last convolution.
        train_steps: training steps of a GAN that is a recipe.
        bins: bins of the plane on each axis.
        resamples: resamples of the images, for intervals.
    """

    gan: str = ""
    layers: tuple[str, ...] = ("last",)
    train_steps: int = 3000
    bins: int = 96
    resamples: int = 500

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("layers = []: expected one name or more")
        if not 16 <= self.bins <= 512:
            raise ValueError(f"bins = {self.bins}: expected 16 to 512")
        if self.resamples < 100:
            raise ValueError(f"resamples = {self.resamples}: an interval needs 100 or more")

    def run(self, request: StudyRequest) -> StudyResult:
        """Compute features of both sets, project them onto the plane, and evaluate the claim."""
        from bench.studies import feature_networks
        from bench.studies.gans import choose_gan, trained_gan
        from bench.studies.overlap_plane import Plane, draw

        if request.network:
            raise NotApplicable("feature-overlap uses the GAN's own discriminator: omit --network")
        choice = request.dataset or ComponentSpec(self.default_dataset)
        missing = f"no LSGAN of {choice.name} ships; name a GAN, such as --option gan=lsgan"
        gan_choice = choose_gan(self.gan, SHIPPED.format(dataset=choice.name), missing)
        data = feature_networks.open_data(choice)
        count = request.count(len(data.test), FEWEST_IMAGES, words_of(choice))
        gan, keys = trained_gan(choice, gan_choice, self.train_steps, request)
        real, fake = self._features(gan, data, count, request)
        plane = Plane.of(real, fake, bins=self.bins, resamples=self.resamples, request=request)
        where = f"{words_of(choice)}, {count:,} real test and {count:,} generated images, D of {words_of(gan_choice)}"
        return StudyResult(
            title="Overlap of discriminator features",
            dataset=words_of(choice),
            network=f"D of {words_of(gan_choice)}, layer {', '.join(self.layers)}",
            asked=ASKED,
            measured=(f"{where}, {real.shape[1]:,} features.", *plane.words()),
            tables={"Statistics in the plane": plane.frame()},
            verdicts=(plane.verdict(gan_choice.name),),
            protocol={
                "images": count,
                "shape": list(data.shape),
                "checksum": data.test.first(count).checksum,
                "gan": words_of(gan_choice),
                "gan_checksum": gan.checksum(),
                "gan_key": keys,
                "layers": list(self.layers),
                "features": int(real.shape[1]),
                "components": "first two of the centred union of both sets, float32, Lanczos (scikit-learn, arpack)",
            },
            draw=lambda: draw(plane, where),
            caption=f"First two principal components of D's features of real and generated images. {where}.",
            advice="Other GANs: --option gan=NAME, see ganinv list gans.",
        )

    def _features(self, gan: Gan, data: Dataset, count: int, request: StudyRequest) -> tuple[Tensor, Tensor]:
        """Compute D's features ``[N, F]`` of real test images and of as many generated ones.

        Raises:
            NotApplicable: no discriminator.
            UnknownName: no such layer.
            BenchError: the features do not fit into memory; the message says how many images do.
        """
        import torch

        rng = torch.Generator(request.device).manual_seed(request.seed)
        codes = gan.prior.sample(count, rng)
        width = int(gan.features(data.test.floats(slice(0, 1)).to(request.device), self.layers).shape[1])
        if 8 * count * width > LARGEST_BYTES:
            fit, size = LARGEST_BYTES // (8 * width), 8 * count * width / 2**30
            raise BenchError(f"{width:,} features of {count:,} images take {size:.0f} GB; --images {fit} fits")
        sides = (torch.empty(count, width), torch.empty(count, width))
        with torch.no_grad():
            for rows, x in data.test.first(count).batches(250):
                fake = gan.decode(codes[rows]).clamp(-1, 1)
                for side, images in zip(sides, (x.to(request.device), fake), strict=True):
                    side[rows] = gan.features(images, self.layers).float().cpu()
                request.progress("features of D", rows.stop, count, {})
        for side, what in zip(sides, ("real", "generated"), strict=True):
            if not bool(torch.isfinite(side).all()):
                raise BenchError(f"D's features of {what} images are not finite")
        return sides


ASKED = """\
DFI takes its features from a discriminator that was trained to classify real and generated images, and is fitted
to generated ones only. It works on real images if the features of both have the same distribution. The paper shows
two principal components of an LSGAN's features: both kinds overlap much, and the real ones spread wider, because
the GAN's samples are less diverse."""
