"""Temporal interpolation: frames decoded from the codes of neighbouring frames (invgan, section 4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.applications.base import Application, ApplicationResult, ImageRow
from bench.core.errors import DataError
from bench.core.registry import application

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

    from bench.applications.subject import InversionSession

DRAWN = 2
"""Number of clips in the figure."""
LONGEST = 1_000
"""Largest number of frames of a clip, which is held in memory."""


@application("frames")
@dataclass
class Frames(Application):
    """Leave out frames of a clip and decode them from codes of the others, averaged under a Gaussian window.

    Attributes:
        motion: "frames": the images are the frames of one clip, in the order of their names. "shift" and "turn": each
            image is shifted or rotated to form a clip. "auto": frames for images of a folder, otherwise shift.
        every: one of so many frames is kept, the others are decoded.
        sigma: standard deviation of the window, in frames.
        length: number of frames of a clip that is made from an image.
        reach: total movement of such a clip, as a share of the image's side or of a right angle.
    """

    motion: Literal["auto", "frames", "shift", "turn"] = "auto"
    every: int = 2
    sigma: float = 1.0
    length: int = 9
    reach: float = 0.25

    def __post_init__(self) -> None:
        if self.every < 2 or self.length <= self.every:
            raise ValueError(f"every = {self.every} must be at least 2, and length = {self.length} longer than that")
        if self.length > LONGEST:
            raise ValueError(f"length = {self.length}: expected at most {LONGEST:,} frames")
        if self.sigma <= 0 or not 0 < self.reach <= 1:
            raise ValueError(f"sigma = {self.sigma} must be above 0, and reach = {self.reach} in (0, 1]")

    def run(self, subject: InversionSession) -> ApplicationResult:
        """See ``Application.run``."""
        import numpy as np
        import torch

        clips = self.clips(subject)
        count, length = clips.shape[:2]
        kept = np.arange(0, length, self.every)
        missing = np.setdiff1d(np.arange(length), kept)
        codes = subject.invert(clips[:, kept].flatten(0, 1), "invert frames").unflatten(0, (count, len(kept)))
        windows = {
            "Gaussian": gaussian_weights(missing, kept, self.sigma),
            "linear": linear_weights(missing, kept),
        }
        truth = clips[:, missing]
        made = {
            f"codes, {name}": subject.decode(_weighted(weights, codes).flatten(0, 1)).view(truth.shape)
            for name, weights in windows.items()
        }
        made["pixels, linear"] = _weighted(windows["linear"], clips[:, kept])
        itself = subject.decode(subject.invert(truth.flatten(0, 1), "invert left out frames"))
        made["frame itself inverted"] = itself.view(truth.shape)
        drawn = torch.zeros_like(clips)
        drawn[:, kept] = subject.decode(codes.flatten(0, 1)).view(count, len(kept), *clips.shape[2:])
        return ApplicationResult(
            "Frame interpolation",
            tuple(self.strips(clips, drawn, made, missing)),
            measured=(
                f"{count} clip{'s' if count > 1 else ''} of {length} frames ({self.kind(subject)}); every "
                f"{self.every}. is kept, {len(missing)} are drawn from codes of those kept.",
                f"codes, Gaussian: weights exp(-(t - t_i)² / 2·{self.sigma:g}²), scaled to sum 1 (invgan's window; "
                "its width is not printed). codes, linear and pixels, linear: between the two neighbours that are "
                "kept. PSNR and SSIM against the frames that were left out.",
                "frame itself inverted: the best that this method can draw of them.",
            ),
            tables={"Left out frames": _table(truth, made)},
            protocol={"frames": int(length), "clips": int(count)},
        )

    def kind(self, subject: InversionSession) -> str:
        """Return the motion, with "auto" resolved."""
        if self.motion != "auto":
            return self.motion
        return "frames" if subject.from_folder else "shift"

    def clips(self, subject: InversionSession) -> Tensor:
        """Return clips ``[K, F, C, H, W]`` whose first and last frames are kept ones.

        Raises:
            DataError: too few frames.
        """
        kind, x = self.kind(subject), subject.x
        clips = x[None] if kind == "frames" else move(x, kind, self.length, self.reach)
        last = (clips.shape[1] - 1) // self.every * self.every
        if not last:
            raise DataError(f"--every {self.every}: needs at least {self.every + 1} frames, found {clips.shape[1]}")
        return clips[:, : last + 1]

    def strips(
        self, clips: Tensor, kept: Tensor, made: dict[str, Tensor], missing: NDArray[np.int64]
    ) -> list[ImageRow]:
        """Return rows of the first clips: their frames, and the frames of each interpolation."""
        from bench.applications.figure import strip

        captions = [f"{t}{' (out)' if t in missing else ''}" for t in range(clips.shape[1])]
        rows = []
        for clip in range(min(DRAWN, len(clips))):
            rows.append(strip(f"frames {clip + 1}", clips[clip], captions))
            for name in ("codes, Gaussian", "pixels, linear"):
                images = (kept if name.startswith("codes") else clips)[clip].clone()
                images[missing] = made[name][clip]
                rows.append(strip(name, images))
        return rows


def gaussian_weights(times: NDArray[np.int64], kept: NDArray[np.int64], sigma: float) -> NDArray[np.float64]:
    """Return weights ``[M, K]`` of kept frames for each of ``times``; a row sums to 1."""
    import numpy as np

    apart = (times[:, None] - kept[None]).astype(np.float64) / sigma
    powers = -0.5 * apart**2
    weights = np.exp(powers - powers.max(1, keepdims=True))
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float64)


def linear_weights(times: NDArray[np.int64], kept: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return weights ``[M, K]`` of linear interpolation between evenly spaced kept frames."""
    import numpy as np

    apart = np.abs(times[:, None] - kept[None]) / float(kept[1] - kept[0])
    return np.asarray(np.clip(1.0 - apart, 0.0, None), np.float64)


def move(x: Tensor, kind: str, length: int, reach: float) -> Tensor:
    """Return clips ``[N, length, C, H, W]`` of images that are shifted to the right or rotated, centred on the image.

    Args:
        x: images ``[N, C, H, W]``.
        kind: "shift" or "turn".
        length: number of frames.
        reach: movement from the first frame to the last, as a share of the width or of a right angle.
    """
    import numpy as np
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    frames = []
    for place in np.linspace(-reach / 2, reach / 2, length):
        angle = float(place) * np.pi / 2 if kind == "turn" else 0.0
        shift = -2 * float(place) if kind == "shift" else 0.0
        rows = [[np.cos(angle), -np.sin(angle), shift], [np.sin(angle), np.cos(angle), 0.0]]
        theta = torch.tensor(rows, dtype=x.dtype, device=x.device).expand(len(x), 2, 3)
        grid = affine_grid(theta, list(x.shape), align_corners=False)
        frames.append(grid_sample(x, grid, padding_mode="border", align_corners=False))
    return torch.stack(frames, 1)


def _weighted(weights: NDArray[np.float64], kept: Tensor) -> Tensor:
    """Return sums ``[N, M, ...]`` of ``kept`` ``[N, K, ...]`` with weights ``[M, K]``."""
    import torch

    return torch.einsum("mk,nk...->nm...", torch.from_numpy(weights).to(kept), kept)


def _table(truth: Tensor, made: dict[str, Tensor]) -> pd.DataFrame:
    import pandas as pd

    from bench.applications.measures import mean_psnr, mean_ssim

    flat = truth.flatten(0, 1)
    rows = [
        {"frames from": name, "psnr": mean_psnr(flat, x.flatten(0, 1)), "ssim": mean_ssim(flat, x.flatten(0, 1))}
        for name, x in made.items()
    ]
    return pd.DataFrame(rows)
