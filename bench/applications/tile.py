"""Tiled inversion of images larger than the GAN's (invgan, section 4.3, Fig. 3)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.applications.base import Application, ApplicationResult
from bench.core.registry import application

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from bench.applications.subject import InversionSession

DRAWN = 4


@application("tile")
@dataclass
class Tile(Application):
    """Invert a large image patch by patch, without overlap, decode the codes, and reassemble the patches.

    Images come from a folder (with a side), or from another dataset. Images of the GAN's size are first arranged side
    by side.

    Attributes:
        mosaic: number of images of the GAN's size that are arranged side by side, in each direction.
    """

    example: ClassVar[str] = "--images my_photos --side 112 --gan fashion-mnist/dcgan"

    mosaic: int = 2

    def __post_init__(self) -> None:
        if self.mosaic < 2:
            raise ValueError(f"mosaic = {self.mosaic} must be at least 2")

    def run(self, subject: InversionSession) -> ApplicationResult:
        """See ``Application.run``."""
        from torch.nn.functional import interpolate

        from bench.applications.figure import strip

        whole, large = subject, subject.x
        if subject.tiling.count == 1:
            whole, large = self.laid_out(subject)
        _, height, width = subject.gan.image_shape
        single = dataclasses.replace(subject, tiling=dataclasses.replace(subject.tiling, rows=1, columns=1))
        small = interpolate(large, size=(height, width), mode="bilinear", antialias=True)
        tiled = whole.decode(whole.invert(large))
        shrunk = interpolate(single.decode(single.invert(small)), size=large.shape[2:], mode="bilinear")
        shown = {"image": large, "tiled": tiled, "difference": (large - tiled).abs() - 1, "shrunk": shrunk}
        rows, columns = whole.tiling.rows, whole.tiling.columns
        return ApplicationResult(
            "Tiling",
            tuple(strip(name, images[:DRAWN]) for name, images in shown.items()),
            measured=(
                f"{len(large)} images of {large.shape[2]}x{large.shape[3]} pixels in {rows} x {columns} tiles of "
                f"{height}x{width}, each inverted by itself.",
                "shrunk: the whole image scaled to the GAN's size, inverted once, and scaled up.",
                "Steps: mean absolute difference between the pixels on both sides of the tiles' borders, in units "
                "of [-1, 1], and between all other neighbours. Numbers: in the code of an image.",
            ),
            tables={"Against the whole image": self.table(whole, {"image": large, "tiled": tiled, "shrunk": shrunk})},
            protocol={"tiles": [rows, columns]},
        )

    def laid_out(self, subject: InversionSession) -> tuple[InversionSession, Tensor]:
        """Arrange the images side by side in groups; return the session with the matching tiling, and the images.

        Raises:
            DataError: too few images for one group.
        """
        from bench.core.errors import DataError

        tiling = dataclasses.replace(subject.tiling, rows=self.mosaic, columns=self.mosaic)
        x = subject.x
        whole = len(x) // tiling.count * tiling.count
        if not whole:
            raise DataError(f"--mosaic {self.mosaic}: needs {tiling.count} images, found {len(x)}")
        return dataclasses.replace(subject, tiling=tiling), tiling.join(x[:whole])

    @staticmethod
    def table(subject: InversionSession, images: dict[str, Tensor]) -> pd.DataFrame:
        """Return PSNR and SSIM to the image, and steps across borders, one row per reconstruction."""
        import pandas as pd

        from bench.applications.measures import mean_psnr, mean_ssim, steps_across

        target = images["image"]
        tiling, dim = subject.tiling, subject.view.code_dim
        _, height, width = tiling.tile
        seams = {2: range(height, target.shape[2], height), 3: range(width, target.shape[3], width)}
        rows = []
        for name, x in images.items():
            row: dict[str, object] = {"image": name, "numbers": dim * (tiling.count if name == "tiled" else 1)}
            if name == "image":
                row |= {"numbers": target[0].numel(), "psnr": float("nan"), "ssim": float("nan")}
            else:
                row |= {"psnr": mean_psnr(target, x), "ssim": mean_ssim(target, x)}
            inside = {a: [n for n in range(1, target.shape[a]) if n not in s] for a, s in seams.items()}
            for what, places in (("step at borders", seams), ("step elsewhere", inside)):
                steps = [(steps_across(x, list(p), axis), len(p)) for axis, p in places.items() if p]
                row[what] = sum(step * n for step, n in steps) / sum(n for _, n in steps)
            rows.append(row)
        return pd.DataFrame(rows)
