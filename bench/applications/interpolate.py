"""Interpolation between the codes of two images (dfi, Fig. 15; icgan, Fig. 6a)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from bench.applications.base import Application, ApplicationResult, ImageRow
from bench.core.registry import application

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from bench.applications.measures import Distance
    from bench.applications.subject import InversionSession

DRAWN = 6
"""Number of pairs in the figure."""


@application("interpolate")
@dataclass
class Interpolate(Application):
    """Interpolate linearly from the code of each image to that of the next.

    Images are taken in pairs. Both parts of a conditional GAN's code, z and y, are interpolated.

    Attributes:
        alphas: weights of the second image's code, from 0 to 1.
    """

    fewest: ClassVar[int] = 2

    alphas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)

    def __post_init__(self) -> None:
        found = self.alphas
        if len(found) < 2 or list(found) != sorted(set(found)) or found[0] < 0 or found[-1] > 1:
            raise ValueError(f"alphas = {list(found)}: expected 2 or more rising numbers from 0 to 1")

    def run(self, subject: InversionSession) -> ApplicationResult:
        """See ``Application.run``."""
        from bench.applications.figure import pixels
        from bench.applications.measures import open_distance

        x = subject.x
        first, second = x[: len(x) // 2 * 2 : 2], x[1::2]
        starts, ends = subject.invert(first), subject.invert(second)
        walked = [subject.decode(starts.lerp(ends, alpha)) for alpha in self.alphas]
        blended = [first.lerp(second, alpha) for alpha in self.alphas]
        distance = open_distance(subject)
        captions = ["image 1", *(f"α = {alpha:g}" for alpha in self.alphas), "image 2"]
        strips = [
            ImageRow("" if row else "codes", pixels(_line(first, walked, second, row)), () if row else captions)
            for row in range(min(DRAWN, len(first)))
        ]
        strips.append(ImageRow("pixels, pair 1", pixels(_line(first, blended, second, 0))))
        through = distance.name if distance else "no network, since the dataset has none of its own (--network)"
        return ApplicationResult(
            "Interpolation",
            tuple(strips),
            measured=(
                f"{len(first)} pairs of images; codes (1 - α) c1 + α c2 are decoded (dfi, section 4.4).",
                "A step is the root mean squared difference of two neighbouring images of a walk, in units of "
                "[-1, 1]; the path is the sum of its steps. Detour: path over the distance between its ends, 1 for "
                "a straight line. Largest step: as a share of the path; of equal steps it is "
                f"{1 / (len(self.alphas) - 1):.2f}.",
                f"LPIPS path: the sum of LPIPS between neighbours, through {through}.",
            ),
            tables={"Paths": _paths({"codes": walked, "pixels": blended}, distance)},
            protocol={"alphas": list(self.alphas), "network": distance.name if distance else None},
        )


def _line(first: Tensor, between: Sequence[Tensor], second: Tensor, row: int) -> Tensor:
    import torch

    return torch.stack([first[row], *(images[row] for images in between), second[row]])


def _paths(walks: dict[str, list[Tensor]], distance: Distance | None) -> pd.DataFrame:
    """Return one row per interpolation: lengths of its path, mean over pairs."""
    import pandas as pd
    import torch

    from bench.applications.measures import apart

    rows = []
    for name, images in walks.items():
        steps = torch.stack([apart(a, b) for a, b in pairwise(images)])
        path, ends = steps.sum(0), apart(images[0], images[-1])
        moved = ends > 0
        row = {
            "walk in": name,
            "pairs": len(path),
            "path": float(path.mean()),
            "detour": float((path[moved] / ends[moved]).mean()),
            "largest step": float((steps.max(0).values[moved] / path[moved]).mean()),
        }
        if distance is not None:
            seen = [distance.between(a, b) for a, b in pairwise(images)]
            row["LPIPS path"] = float(torch.stack(seen).sum(0).mean())
        rows.append(row)
    return pd.DataFrame(rows)
