"""Monitoring of a training: variety of samples, a grid of them, quality at chosen steps, the best weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.core.errors import Diverged
from bench.core.files import writing
from bench.core.types import Gan, Images

COLLAPSE_RATIO = 0.02
"""Below this share of the data's variety, a generator counts as collapsed."""
SETTLED_STEPS = 100
"""Variety is not checked before this step, because the running statistics of batch norm lag behind."""
VARIETY_IMAGES = 256
SHOWN_POINTS = 2_000
"""Points of each kind in a scatter plot."""
CHECK_STEPS = 500
"""Steps between two checks of the samples' variety, and between two grids."""

Quality = Callable[[Gan], float]
"""Function that scores a GAN in eval mode, lower is better; the harness passes one that computes a metric."""


@dataclass
class TrainingMonitor:
    """Monitor of a GAN's training, which it does not influence. Its state is part of the checkpoint.

    Attributes:
        grid: file for images of fixed codes, written every 500 steps and at the end; None for no file.
        quality: function that scores the GAN at ``looks`` evenly spread steps, the last one included, or None.
        looks: number of scores.
        history: ``{"step": ..., "quality": ...}`` of each score.
        best: weights of both networks at the best score, as ``state_dict`` of (generator, discriminator).
    """

    grid: Path | None = None
    quality: Quality | None = None
    looks: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best: list[dict[str, Tensor]] = field(default_factory=list)

    def after_step(self, gan: Gan, images: Images, seed: int, done: int, steps: int) -> None:
        """Check variety, draw the grid and score the GAN after ``done`` of ``steps`` steps, whichever are due.

        Raises:
            Diverged: all samples are the same.
            StoreError: the grid cannot be written.
        """
        if done % CHECK_STEPS == 0 or done == steps:
            if done >= SETTLED_STEPS:
                check_variety(gan, images, seed)
            if self.grid:
                save_grid(gan, self.grid, seed, images)
        if self.quality and done in chosen_steps(steps, self.looks):
            self.score(gan, done)

    def score(self, gan: Gan, done: int) -> None:
        """Score the GAN, and keep its weights if the score is the best so far."""
        assert self.quality is not None
        modes = [module.training for module in gan.modules()]
        for module in gan.modules():
            module.eval()
        with torch.no_grad():
            quality = float(self.quality(gan))
        for module, mode in zip(gan.modules(), modes, strict=True):
            module.train(mode)
        if not self.history or quality < min(entry["quality"] for entry in self.history):
            self.best = [{k: v.detach().clone() for k, v in m.state_dict().items()} for m in gan.modules()]
        self.history.append({"step": done, "quality": quality})

    def state_dict(self) -> dict[str, Any]:
        """Return history and best weights."""
        return {"history": self.history, "best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.history, self.best = state["history"], state["best"]


def chosen_steps(steps: int, looks: int) -> set[int]:
    """Return ``looks`` evenly spread step counts, up to ``steps``."""
    return {round(steps * number / looks) for number in range(1, looks + 1)} - {0}


def samples(gan: Gan, count: int, seed: int) -> Tensor:
    """Images ``[count, C, H, W]`` of fixed codes, in eval mode; modes and random states are restored."""
    rng = torch.Generator(next(gan.generator.parameters()).device).manual_seed(seed)
    training = gan.generator.training
    gan.generator.eval()
    with torch.no_grad():
        made: Tensor = gan.generator(gan.prior.sample(count, rng))
    gan.generator.train(training)
    return made


def check_variety(gan: Gan, images: Images, seed: int) -> None:
    """Raise if the generator's images do not depend on the code.

    Variety is the standard deviation over images, averaged over pixels.

    Raises:
        Diverged: the samples' variety is under ``COLLAPSE_RATIO`` of the data's, or not a number.
    """
    real = images.take(slice(0, VARIETY_IMAGES)).floats(slice(None))
    ratio = float(samples(gan, VARIETY_IMAGES, seed).std(0).mean() / real.std(0).mean().clamp_min(1e-12))
    if not ratio >= COLLAPSE_RATIO:
        raise Diverged(f"the generator collapsed: its samples vary {ratio:.4f} times as much as the training images")


def save_grid(gan: Gan, path: Path, seed: int, images: Images) -> None:
    """Write samples of fixed codes as PNG: a grid of 8 x 8 images, or points over those of the data.

    Raises:
        StoreError: the file cannot be written.
    """
    from torchvision.utils import save_image

    with writing(path) as temporary:
        if gan.image_shape[0] > 1 and gan.image_shape[1:] == (1, 1):
            save_scatter(samples(gan, SHOWN_POINTS, seed), images.take(slice(0, SHOWN_POINTS)).data, temporary)
        else:
            made = samples(gan, 64, seed)
            save_image(made, temporary, "png", nrow=8, padding=1, normalize=True, value_range=(-1, 1))


def save_scatter(made: Tensor, real: Tensor, path: Path) -> None:
    """Plot generated points over real ones, both ``[N, C, 1, 1]``, in two axes; 512 x 512 pixels as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.12, 5.12), dpi=100, layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    for points, label, colour in ((real, "real", "#b0b0b0"), (made, "generated", "#1f6fb4")):
        x, y = points.flatten(1)[:, :2].T.cpu().numpy()
        axes.scatter(x, y, s=3, c=colour, label=label, linewidths=0)
    axes.legend(loc="center", markerscale=4, frameon=False)
    figure.savefig(path, format="png")
