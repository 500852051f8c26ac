"""Merging: inversion of an image that is composed of two (invgan, section 4.2, "Merging")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from bench.applications.base import Application, ApplicationResult
from bench.core.registry import application

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from bench.applications.subject import InversionSession

DRAWN = 8


@application("merge")
@dataclass
class Merge(Application):
    """Invert an image that is composed of two: part of each image beside part of the next.

    Attributes:
        seam: "vertical", left parts beside right ones, or "horizontal", upper parts above lower ones.
        share: share of the first image, above 0 and below 1.
    """

    fewest: ClassVar[int] = 2

    seam: Literal["vertical", "horizontal"] = "vertical"
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"share = {self.share} must be above 0 and below 1")

    def run(self, subject: InversionSession) -> ApplicationResult:
        """See ``Application.run``."""
        from bench.applications.figure import strip

        first = subject.x
        second = first.roll(-1, 0)
        axis = 3 if self.seam == "vertical" else 2
        side = first.shape[axis]
        place = min(max(round(self.share * side), 1), side - 1)
        placed = put_together(first, second, place, axis)
        merged = subject.decode(subject.invert(placed))
        shown = {"image 1": first, "image 2": second, "together": placed, "merged": merged}
        return ApplicationResult(
            "Merging",
            tuple(strip(name, images[:DRAWN]) for name, images in shown.items()),
            measured=(
                f"{len(first)} images, each with the next one; {self.seam} seam after {place} of {side} pixels.",
                "Step at the seam: mean absolute difference between the pixels on both sides of it, in units of "
                "[-1, 1]; elsewhere: the same between all other neighbours along that axis. Images without a seam "
                "have about the same step in both places.",
                "PSNR: of the merged image against the two parts as they were put together.",
            ),
            tables={"Seam": seam_table({"images": first, "together": placed, "merged": merged}, placed, place, axis)},
            protocol={"place": place},
        )


def put_together(first: Tensor, second: Tensor, place: int, axis: int) -> Tensor:
    """Compose the first ``place`` rows (axis 2) or columns (axis 3) of ``first`` with the others of ``second``."""
    import torch

    side = first.shape[axis]
    return torch.cat([first.narrow(axis, 0, place), second.narrow(axis, place, side - place)], axis)


def seam_table(images: dict[str, Tensor], target: Tensor, place: int, axis: int) -> pd.DataFrame:
    """Return the steps at the seam and elsewhere, one row per set of images, and PSNR to the target."""
    import pandas as pd

    from bench.applications.measures import mean_psnr, steps_across

    rows = []
    for name, x in images.items():
        elsewhere = [other for other in range(1, x.shape[axis]) if other != place]
        row = {
            "image": name,
            "step at seam": steps_across(x, [place], axis),
            "step elsewhere": steps_across(x, elsewhere, axis),
        }
        rows.append(row | {"psnr": mean_psnr(target, x) if name == "merged" else float("nan")})
    return pd.DataFrame(rows)
