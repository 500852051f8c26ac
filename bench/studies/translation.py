"""LPIPS and FID of shifted images, with real or with mirrored pixels at the edge (dfi, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.core.errors import DataError
from bench.core.registry import study
from bench.core.types import ComponentSpec, Images, Shape
from bench.statistics import RESAMPLES
from bench.studies.base import Study, StudyRequest, StudyResult, words_of

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLES = 2
EXAMPLE_SHARE = 21 / 128
"""Shift of the examples in the paper's figure 4, as a share of the window's side."""
CONTINUED = 0.5
"""Smallest share of border pixels with the level by which a canvas is padded."""


@study("translation")
@dataclass
class Translation(Study):
    """LPIPS and FID of test images against shifted copies, raw and with reflection padding (C24, C25, C26).

    A raw shift moves a window over a larger canvas, so that real pixels enter it; a reflected one shifts the window's
    content and mirrors it at the edge. Both use the same shifts.

    Attributes:
        most: largest shift t in pixels; every t from 0 on is measured.
        canvas: "crop": the canvas is the image and the window lies inside; "pad": the window is the image and the
            canvas pads it with ``level``.
        window: side of the square window for "crop".
        top: row of the window's first pixel for "crop"; -1 centres it.
        left: column of the window's first pixel, likewise.
        level: level of the padding for "pad", 0 to 255: that of a uniform background.
        resize: side to which windows are resized for the network (bilinear, antialiased); 0 for no resizing.
    """

    most: int = 12
    canvas: Literal["crop", "pad"] = "crop"
    window: int = 0
    top: int = -1
    left: int = -1
    level: int = 0
    resize: int = 0

    def __post_init__(self) -> None:
        if self.most < 2:
            raise ValueError(f"most = {self.most}: expected 2 or more pixels")
        for name in ("window", "resize"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)}: expected 0 or more pixels")
        if not 0 <= self.level <= 255:
            raise ValueError(f"level = {self.level}: expected 0 to 255")
        if self.canvas == "pad" and self.window:
            raise ValueError(f"window = {self.window}: with canvas = pad the window is the image")

    def run(self, request: StudyRequest) -> StudyResult:
        """Shift the images, compute LPIPS and FID, and evaluate the claims."""
        from bench.studies import feature_networks
        from bench.studies.translation_curves import TranslationCurves, draw

        choice = request.dataset or ComponentSpec(self.default_dataset)
        networks = feature_networks.choose_networks(request, ("lpips", "fid"), choice.name)
        data = feature_networks.open_data(choice)
        frame = self.frame(data.shape, words_of(choice))
        images = data.test.first(request.count(len(data.test), feature_networks.FEWEST_IMAGES, words_of(choice)))
        shifting = Shifting(self, frame, len(images), request.seed)
        border = shifting.border(images, words_of(choice))
        extractors = feature_networks.FeatureExtractors(
            networks, shifting.seen_shape(images.shape[0]), request.device
        )
        found = feature_networks.compare(
            extractors, images.data, shifting, conditions=2 * (self.most + 1), progress=request.progress
        )
        curves = TranslationCurves.of(found, request, networks=networks, dataset=choice.name, side=min(frame.size))
        where = f"{words_of(choice)}, {len(images):,} test images"
        return StudyResult(
            title="Translation",
            dataset=words_of(choice),
            network=extractors.title,
            asked=ASKED,
            measured=(f"{where}; {extractors.shown}.", *shifting.words(border), *curves.words()),
            tables={"LPIPS and FID by shift": curves.frame()},
            verdicts=curves.verdicts(),
            protocol={
                "images": len(images),
                "shape": list(images.shape),
                "checksum": images.checksum,
                "networks": extractors.protocol(),
                "window": [frame.top, frame.left, *frame.size],
                **border,
                "groups": feature_networks.GROUPS,
                "resamples": RESAMPLES,
                "shifts": "two uniform numbers an image, floor(u (2t + 1)) - t, the same for raw and reflected",
            },
            draw=lambda: draw(curves, shifting.examples(images.data[:EXAMPLES]), f"{where}, {extractors.shown}"),
            caption=f"LPIPS and FID between windows of test images and shifted ones. {where}; {extractors.shown}. "
            f"{shifting.words(border)[0]}",
            advice="See ganinv study fish-eye for another distortion of the same images.",
        )

    def frame(self, shape: Shape, name: str) -> Frame:
        """Return the position of the window in the canvas.

        Raises:
            DataError: the images have no margin around such a window; the message suggests options.
        """
        height, width = shape[1:]
        if self.canvas == "pad":
            if self.most >= min(height, width):
                raise DataError(f"most = {self.most}: {name} has images of {height}x{width}")
            return Frame(self.most, self.most, (height, width))
        largest = min(height, width) - 2 * self.most
        if not self.window:
            inside = (
                f"--option window=N, N up to {largest}" if largest > self.most else f"too small: {height}x{width}"
            )
            raise DataError(
                f"translation: a raw shift needs real pixels around the window, and {name} states no margin; take a "
                f"window from inside its images ({inside}) or continue a plain background (--option canvas=pad)"
            )
        top = (height - self.window) // 2 if self.top < 0 else self.top
        left = (width - self.window) // 2 if self.left < 0 else self.left
        margins = (top, left, height - self.window - top, width - self.window - left)
        if min(margins) < self.most:
            raise DataError(
                f"translation: shifts of {self.most} need as many pixels on each side of a window of {self.window}; "
                f"images of {name} ({height}x{width}) leave {min(margins)} at row {top}, column {left}; "
                f"a centred window may have {max(largest, 0)}"
            )
        if self.most >= self.window:
            raise DataError(f"translation: shifts of {self.most} need a window larger than {self.window}")
        return Frame(top, left, (self.window, self.window))


ASKED = """\
The paper shifts real images at random, once so that real surroundings come in ("raw") and once so that the edge is
filled with a mirror image ("reflection"). LPIPS grows with the shift and does not distinguish the two; FID stays
negligible for the former, whose images look real, and grows for the latter, whose images do not."""


@dataclass(frozen=True)
class Frame:
    """Position of the window in the canvas, and its height and width."""

    top: int
    left: int
    size: tuple[int, int]


class Shifting:
    """Yields the measured windows: the original, then raw t = 0 … most, then reflected t = 0 … most."""

    def __init__(self, options: Translation, frame: Frame, count: int, seed: int) -> None:
        self.options, self.frame = options, frame
        self._count, self._seed = count, seed

    def __call__(self, images: Tensor, rows: slice) -> Iterator[Tensor]:
        """See ``bench.studies.feature_networks.Distort``."""
        from bench.studies.transforms import shifts_of

        wanted = [shifts_of(self._uniform[rows], t) for t in range(self.options.most + 1)]
        yield from self._versions(images, [None, *wanted], wanted)

    def examples(self, images: Tensor) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the original, and the raw and reflected shift of the paper's figure 4, by caption."""
        import torch

        shift = min(self.options.most, round(EXAMPLE_SHARE * min(self.frame.size)))
        most = torch.full((len(images), 2), shift)
        names = ("original", f"raw, ({shift}, {shift})", f"reflected, ({shift}, {shift})")
        versions = (version.cpu().numpy() for version in self._versions(images, [None, most], [most]))
        return dict(zip(names, versions, strict=True))

    def seen_shape(self, channels: int) -> Shape:
        """Return the shape of the network's input."""
        side = self.options.resize
        return (channels, *((side, side) if side else self.frame.size))

    def border(self, images: Images, name: str) -> dict[str, Any]:
        """Return the share of border pixels with the level of the padding, for a padded canvas.

        Raises:
            DataError: the share is too small, so that the padding would not continue the background.
        """
        if self.options.canvas == "crop":
            return {}
        import torch

        pixels = images.data
        edges = (pixels[..., 0, :], pixels[..., -1, :], pixels[..., 1:-1, 0], pixels[..., 1:-1, -1])
        alike = torch.cat([(edge == self.options.level).flatten(1) for edge in edges], 1)
        share, whole = float(alike.double().mean()), float(alike.all(1).double().mean())
        if share < CONTINUED:
            raise DataError(
                f"canvas = pad: {share:.1%} of the border pixels of {name} have level {self.options.level}: padding "
                "would invent pixels; take a window from inside the images (--option canvas=crop --option window=N)"
            )
        return {"border_pixels_of_that_level": round(share, 6), "images_with_such_a_border": round(whole, 6)}

    def words(self, border: Mapping[str, Any]) -> list[str]:
        """Describe canvas, window and shifts."""
        height, width = self.frame.size
        if self.options.canvas == "pad":
            canvas = (
                f"The canvas continues images by {self.options.most} pixels of level {self.options.level} on each "
                f"side; {border['border_pixels_of_that_level']:.1%} of the images' border pixels have that level."
            )
        else:
            canvas = (
                f"The window of {height}x{width} lies inside the image, its first pixel at row {self.frame.top}, "
                f"column {self.frame.left}, so that raw shifts bring in real pixels."
            )
        if self.options.resize:
            canvas += f" Windows are resized to {self.options.resize}x{self.options.resize} (bilinear, antialiased)."
        shifts = "Each image has its own shift, uniform over -t … t in both directions, the same for both kinds."
        return [canvas, f"{shifts} Reflection does not repeat the edge pixel."]

    @cached_property
    def _uniform(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        from bench.studies.transforms import draw_shifts

        return draw_shifts(self._count, self._seed)

    def _versions(self, images: Tensor, raw: list[Tensor | None], mirrored: list[Tensor]) -> Iterator[Tensor]:
        from bench.studies.transforms import cut, reflect

        place = (self.frame.top, self.frame.left, self.frame.size)
        canvas = self._canvas(images)
        for shifts in raw:
            yield self._resized(cut(canvas, *place, shifts))
        window = cut(canvas, *place)
        for shifts in mirrored:
            yield self._resized(reflect(window, shifts))

    def _canvas(self, images: Tensor) -> Tensor:
        from torch.nn import functional as F

        if self.options.canvas == "crop":
            return images
        return F.pad(images, [self.options.most] * 4, value=self.options.level)

    def _resized(self, images: Tensor) -> Tensor:
        from torch.nn import functional as F

        if not self.options.resize:
            return images
        side = self.options.resize
        small = F.interpolate(images.float(), (side, side), mode="bilinear", antialias=True, align_corners=False)
        return small.round().clamp(0, 255).to(images.dtype)
