"""Style mixing: some layers have the style of one image, the others that of another (invgan, Fig. 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.applications.base import Application, ApplicationResult, ImageRow
from bench.core.errors import DataError, NotApplicable
from bench.core.registry import application

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from bench.applications.subject import InversionSession
    from bench.core.types import Gan

DRAWN = 4
"""Number of pairs in the figure."""


@application("mix")
@dataclass
class Mix(Application):
    """Decode with the style of one image in the first layers of the generator, and that of another in the others.

    Images are taken in pairs. It needs a generator with a style for each layer: stylegan, invgan-stylegan.

    Attributes:
        first: numbers of layers, counted from the coarsest, with the second image's style; every number if none is
            named.
    """

    example: ClassVar[str] = "--gan invgan-stylegan --dataset drawn-faces --method 'encoder?space=w'"
    fewest: ClassVar[int] = 2
    tiled: ClassVar[bool] = False

    first: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if list(self.first) != sorted(set(self.first)) or (self.first and self.first[0] < 0):
            raise ValueError(f"first = {list(self.first)}: expected rising numbers of layers, from 0")

    def run(self, subject: InversionSession) -> ApplicationResult:
        """See ``Application.run``."""
        from bench.applications.figure import pixels

        x = subject.x
        one, two = x[: len(x) // 2 * 2 : 2], x[1::2]
        styles = styles_of(subject, one), styles_of(subject, two)
        layers = styles[0].shape[1]
        counts = self.first or tuple(range(layers + 1))
        if counts[-1] > layers:
            raise DataError(f"first = {counts[-1]}: this generator has {layers} layers with a style")
        view = subject.gan.view("w+")
        mixed = [_decoded(view, mix_styles(*styles, count)) for count in counts]
        ends = [_decoded(view, each) for each in styles]
        captions = ["image 1", *(f"{count} of {layers}" for count in counts), "image 2"]
        rows = range(min(DRAWN, len(one)))
        lines = [[one[row], *(images[row] for images in mixed), two[row]] for row in rows]
        return ApplicationResult(
            "Style mixing",
            tuple(ImageRow("", pixels(_stacked(line)), () if row else captions) for row, line in enumerate(lines)),
            measured=(
                f"{len(one)} pairs of images; the first k of {layers} layers take the style of image 2, the others "
                "that of image 1 (invgan, Fig. 2).",
                "Distances: root mean squared difference from what the GAN draws of either image with its own styles "
                "alone, in units of [-1, 1]; mean over pairs. Moved: the distance from image 1 over the sum of both: "
                "0 where nothing and 1 where everything comes from image 2.",
            ),
            tables={"Where styles come from": _distances(counts, mixed, ends)},
            protocol={"first": list(counts), "layers": layers},
        )


def styles_of(subject: InversionSession, x: Tensor) -> Tensor:
    """Return styles ``[B, L, d]`` of images, one per layer, for codes in any latent space.

    Raises:
        NotApplicable: the generator has no style for each layer, or generates tiles, or the method changes more than
            codes.
    """
    from bench.gans.tiled import TiledGan

    wide, space = subject.gan.view("w+"), subject.method.spaces[-1]
    if isinstance(subject.gan, TiledGan):
        raise NotApplicable(
            "mix takes a GAN that draws whole images; the layers of each tile have styles of their own"
        )
    if space not in {"z", "w", "w+"}:
        raise NotApplicable(f"mix takes codes of z, w or w+; this method gives {space}")
    codes = subject.invert(x)
    if space == "z":
        codes = wide.translate(codes)
    layers = wide.code_dim // subject.gan.view("w").code_dim
    return codes.view(len(x), -1, wide.code_dim // layers).expand(-1, layers, -1)


def mix_styles(one: Tensor, two: Tensor, count: int) -> Tensor:
    """Return styles ``[B, L, d]``: the first ``count`` layers of ``two``, the others of ``one``."""
    import torch

    return torch.cat([two[:, :count], one[:, count:]], 1)


def _decoded(view: Gan, styles: Tensor) -> Tensor:
    import torch

    from bench.harness.bound_method import batch_size

    with torch.no_grad():
        return torch.cat([view.decode(part).float() for part in styles.flatten(1).split(batch_size(view))])


def _stacked(images: Sequence[Tensor]) -> Tensor:
    import torch

    return torch.stack(list(images))


def _distances(counts: Sequence[int], mixed: Sequence[Tensor], ends: Sequence[Tensor]) -> pd.DataFrame:
    """Return one row per number of layers: distances of its images from both ends."""
    import pandas as pd

    from bench.applications.measures import apart

    rows = []
    for count, images in zip(counts, mixed, strict=True):
        from_one, from_two = (apart(images, end) for end in ends)
        total = from_one + from_two
        moved = from_one[total > 0] / total[total > 0]
        rows.append(
            {
                "first layers": count,
                "pairs": len(images),
                "from image 1": float(from_one.mean()),
                "from image 2": float(from_two.mean()),
                "moved": float(moved.mean()),
            }
        )
    return pd.DataFrame(rows)
