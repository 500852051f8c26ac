"""Reconstruction of the window by SCGAN compared with inversion of the window alone (dfi, sections 3.3 and 4.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core.errors import NotApplicable
from bench.core.registry import study
from bench.core.types import ComponentSpec
from bench.studies.base import Study, StudyRequest, StudyResult, words_of

if TYPE_CHECKING:
    from torch import Tensor

    from bench.core.types import Shape
    from bench.studies.feature_networks import FeatureExtractors


@study("scgan-crop")
@dataclass
class ScganCrop(Study):
    """LPIPS and FID of the window in SCGAN's images, against inversion of the window alone (C22).

    Attributes:
        gan: the GAN, scgan or a file of one ("checkpoint:FILE"); options follow a "?".
        train_steps: training steps of all stages together, for a GAN that is a recipe.
        edges: draws of z_edge for each image in the figure.
        resize: side to which windows are resized for the network (bilinear, antialiased); 0 for no resizing.
    """

    default_dataset = "drawn-faces"

    gan: str = "scgan"
    train_steps: int = 3000
    edges: int = 3
    resize: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.edges <= 8:
            raise ValueError(f"edges = {self.edges}: expected 2 to 8")
        if self.train_steps < 0 or self.resize < 0:
            raise ValueError(f"train_steps = {self.train_steps} and resize = {self.resize} must be 0 or more")

    def run(self, request: StudyRequest) -> StudyResult:
        """Invert the windows of test images, generate their surroundings, and evaluate the claim."""
        from bench.gans.networks import check_shape
        from bench.gans.scgan import SCGAN
        from bench.gans.scgan_networks import networks_of
        from bench.studies import feature_networks
        from bench.studies.gans import trained_gan
        from bench.studies.scgan_windows import Crops, draw, pictures, reconstruct

        choice = request.dataset or ComponentSpec(self.default_dataset)
        networks = feature_networks.choose_networks(request, ("lpips", "fid"), choice.name)
        gan_choice = self._choice()
        data = feature_networks.open_data(choice)
        images = data.test.first(request.count(len(data.test), feature_networks.FEWEST_IMAGES, words_of(choice)))
        check_shape("scgan", images.shape, SCGAN.sides)
        extractors = self._extractors(networks, images.shape, request.device)
        gan, keys = trained_gan(choice, gan_choice, self.train_steps, request)
        window = networks_of(gan)[0].window
        drawn = reconstruct(gan, images, request)
        found = feature_networks.compare(
            extractors,
            window.crop(images.data),
            lambda batch, rows: (self._resized(part) for part in (batch, *drawn.at(rows))),
            conditions=len(drawn.windows),
            progress=request.progress,
        )
        crops = Crops.of(found, drawn, extractors.networks, request)
        place = f"window of {window.side} pixels at row {window.top}, column {window.left}"
        where = f"{words_of(choice)}, {len(images):,} test images, {words_of(gan_choice)}, {place}"
        shown = pictures(gan, images, self.edges, request)
        return StudyResult(
            title="SCGAN's window",
            dataset=words_of(choice),
            network=extractors.title,
            asked=ASKED,
            measured=(f"{where}; {extractors.shown}{self._enlarged(window.side)}.", *crops.words()),
            tables={"The window": crops.frame(), "What z_edge changes": crops.variation()},
            verdicts=(crops.verdict(),),
            protocol={
                "images": len(images),
                "shape": list(images.shape),
                "checksum": images.checksum,
                "window": [window.top, window.left, window.side, window.side],
                "gan": words_of(gan_choice),
                "gan_checksum": gan.checksum(),
                "gan_key": keys,
                "networks": extractors.protocol(),
                "groups": feature_networks.GROUPS,
            },
            draw=lambda: draw(crops, shown, f"{where}, {extractors.shown}"),
            caption=f"Input window, y_center and y_full with several z_edge, and y_glue with the last. {where}.",
            advice="Other places: --option gan=scgan?window=top-left. A trained GAN: --option gan=checkpoint:FILE.",
        )

    def _choice(self) -> ComponentSpec:
        """Return the GAN.

        Raises:
            UnknownName: no such GAN or option.
            NotApplicable: a recipe of another GAN; raised before training.
        """
        from bench.core.options import create
        from bench.gans.scgan import SCGAN
        from bench.gans.zoo import gan_file, without_pick
        from bench.harness.suite import parse_choice
        from bench.harness.suite_parser import checked

        choice = checked("gan", parse_choice(self.gan, "--option gan ="), "--option gan")
        if gan_file(choice.name) is None:
            recipe = create("gan", without_pick(choice.name), choice.options, "--option gan")
            if not isinstance(recipe, SCGAN):
                raise NotApplicable(f"--option gan={self.gan}: has no window; scgan is the GAN that has one")
        return choice

    def _extractors(self, networks: dict[str, str], shape: Shape, device: str) -> FeatureExtractors:
        """Return the feature networks of windows.

        Raises:
            NotApplicable: a network does not accept windows of this size; the message says how to enlarge them.
        """
        from bench.studies import feature_networks

        side = self.resize or shape[1] // 2
        try:
            return feature_networks.FeatureExtractors(networks, (shape[0], side, side), device)
        except NotApplicable as error:
            if self.resize:
                raise
            raise NotApplicable(f"{error}; --option resize=SIDE enlarges windows for it") from error

    def _enlarged(self, side: int) -> str:
        if self.resize in (0, side):
            return ""
        return f", computed on windows resized to {self.resize}x{self.resize} (bilinear, antialiased)"

    def _resized(self, images: Tensor) -> Tensor:
        from torch.nn import functional as F

        if self.resize in (0, images.shape[-1]):
            return images
        size = (self.resize, self.resize)
        resized = F.interpolate(images.float(), size, mode="bilinear", antialias=True, align_corners=False)
        return resized.round().clamp(0, 255).to(images.dtype)


ASKED = """\
SCGAN draws a whole image around a given window: it infers the window's code by DFI, and generates from that code and
from random numbers for the surroundings. The paper asks whether the window in the whole image (y_crop) is as close to
the input as what plain DFI makes of the window (y_center), and finds LPIPS and FID that hardly differ."""
