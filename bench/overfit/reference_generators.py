"""Reference generators with known faults, small enough to train in a minute, to validate the examination.

A reference generator is described by data, trained on the first images of a random order, and kept in the store.
Those that are trained on all images and stopped early are negative controls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from bench.core.errors import BenchError, DataError, Diverged, unknown
from bench.core.files import digest, write_bytes
from bench.core.run_context import Progress, RunContext, silent
from bench.core.types import Budget, Gan, Images
from bench.gans.dcgan import DCGAN
from bench.gans.recipe import GanConfig
from bench.gans.training import train_gan
from bench.gans.vae import VAE
from bench.harness.keys import module_code
from bench.harness.store import Artefact, Store
from bench.overfit.reference_glo import GLO

Family = Literal["glo", "gan", "copier", "collapsed", "dropping"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""Families of reference generators, named after their fault.

- "glo" memorises: it minimises only the squared error of codes that are assigned to training images.
- "gan" is unknown: a GAN may or may not memorise a small training set.
- "copier" memorises: the decoder of a variational autoencoder; codes of few images fill the whole prior.
- "collapsed" generates few images, whatever the code.
- "dropping" drops modes: a GAN trained without some of the classes.
"""
STAGE = "suspect"
SHARPNESS = 16.0
"""Sharpness of the choice among a collapsed GAN's images: a logit's standard deviation is this times sqrt(d)."""


@dataclass(frozen=True)
class Network:
    """Network size and batch size of all reference generators.

    Attributes:
        width: filters of the first and last convolution.
        code_dim: dimension of a code.
        batch: images per step.
    """

    width: int = 12
    code_dim: int = 16
    batch: int = 64


@dataclass(frozen=True)
class ReferenceGenerator:
    """One reference generator.

    Attributes:
        family: its fault; see ``FAMILIES``.
        images: number of training images; 0 for all.
        steps: training steps.
        seed: seed of weights and batches.
        without: classes that are left out of its training images.
        kept: number of images that a collapsed one generates; 0 for one that did not collapse.
        network: size of its network.
    """

    family: Family
    images: int = 0
    steps: int = 800
    seed: int = 0
    without: tuple[int, ...] = ()
    kept: int = 0
    network: Network = Network()

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise unknown("suspect", self.family, FAMILIES)
        if (self.kept > 0) != (self.family == "collapsed") or bool(self.without) != (self.family == "dropping"):
            raise BenchError(f"suspect {self.family}: 'kept' is for the family 'collapsed', 'without' for 'dropping'")

    @property
    def name(self) -> str:
        """Family with the number of training images, of images kept, or the classes left out."""
        more = self.kept or "-".join(map(str, self.without)) or self.images or "all"
        return f"{self.family}-{more}"

    def recipe(self) -> GanConfig:
        """Return the configuration that trains it."""
        sizes: dict[str, Any] = {**asdict(self.network), "prior": "normal"}
        if self.family == "glo":
            return GLO(**sizes, learning_rate=2e-3, code_rate=0.1)
        if self.family == "copier":
            return VAE(**sizes, learning_rate=2e-3)
        return DCGAN(**sizes, learning_rate=5e-4)


def make_suspect(
    suspect: ReferenceGenerator,
    pool: Images,
    store: Store | None = None,
    device: str = "cpu",
    progress: Progress = silent,
) -> Gan:
    """Return the reference generator's GAN, frozen; it is trained, or its training resumed, if the store lacks it.

    Args:
        suspect: the reference generator.
        pool: images in random order; it is trained on the first of them.
        store: store of finished generators and checkpoints.
        device: "cpu" or "cuda".
        progress: called with the number of finished steps.

    Raises:
        Diverged: the training failed, in this call or an earlier one.
        DataError: fewer images than it needs, or no labels by which classes could be left out.
        StoreError: the store cannot be written.
    """
    store, images = store or Store(), training_images(suspect, pool)
    recipe, code = suspect.recipe(), module_code(__name__)
    made_by = [type(recipe).__name__, asdict(recipe), suspect.steps, suspect.seed]
    # a collapsed generator has the key of the GAN that it is made from
    key = digest([made_by, images.checksum, device, code])
    with store.lock(STAGE, key):
        earlier = store.failure(STAGE, key)
        if earlier:
            raise Diverged(earlier["reason"])
        stored = store.artefact(STAGE, key) or _train(
            suspect, images, key=key, store=store, device=device, progress=progress
        )
    gan = generator_only(recipe.build(pool.shape, device))
    gan.generator.load_state_dict(load_file(stored.file("generator.safetensors"), device=device))
    if suspect.kept:
        gan = collapse(gan, suspect.kept, suspect.seed)
    return gan.freeze()


def training_images(suspect: ReferenceGenerator, pool: Images) -> Images:
    """Return the images of a pool that a reference generator is trained on.

    Raises:
        DataError: fewer images than it needs, or no labels by which classes could be left out.
    """
    if suspect.images > len(pool):
        raise DataError(
            f"suspect {suspect.name}: {suspect.images:,} training images requested, {len(pool):,} available"
        )
    images = pool.first(suspect.images)
    if not suspect.without:
        return images
    if images.labels is None:
        raise DataError(f"suspect {suspect.name}: the images have no labels by which classes could be left out")
    kept = ~torch.isin(images.labels, torch.tensor(suspect.without))
    if kept.all() or not kept.any():
        raise DataError(f"suspect {suspect.name}: leaves out {int((~kept).sum())} of {len(kept)} training images")
    return images.take(kept.nonzero()[:, 0])


def _train(
    suspect: ReferenceGenerator, images: Images, key: str, store: Store, device: str, progress: Progress
) -> Artefact:
    budget = Budget(
        STAGE,
        len(images),
        test_images=0,
        own_images=0,
        train_steps=suspect.steps,
        fit_steps=0,
        search_steps=0,
        refine_steps=0,
        timeout=math.inf,
    )
    run = RunContext(
        budget,
        suspect.seed,
        device=device,
        checkpoint=store.checkpoint(STAGE, key),
        progress=_named(progress, suspect),
    )
    try:
        gan = train_gan(suspect.recipe(), images, run)
    except Diverged as error:
        store.put_failure(STAGE, key, {"reason": str(error)})
        raise
    state = {name: t.detach().cpu().contiguous() for name, t in gan.generator.state_dict().items()}
    writers: dict[str, Callable[[Path], None]] = {
        "generator.safetensors": lambda path: write_bytes(path, save(state))
    }
    stored = store.put(STAGE, key, writers, {"suspect": suspect.name, "figures": run.figures})
    run.finish()
    return stored


def _named(progress: Progress, suspect: ReferenceGenerator) -> Progress:
    return lambda what, step, steps, figures: progress(f"{suspect.name}: {what}", step, steps, figures)


def generator_only(gan: Gan) -> Gan:
    """Return the GAN without discriminator and encoder, which an examination must not need."""
    return Gan(gan.generator, None, prior=gan.prior, image_shape=gan.image_shape, provenance=gan.provenance)


def collapse(gan: Gan, kept: int, seed: int = 0) -> Gan:
    """Return a GAN that generates only ``kept`` of another one's images, with blends at the borders between them."""
    rng = torch.Generator().manual_seed(seed)
    rows = gan.prior.sample(kept, rng)
    device = next(gan.generator.parameters()).device
    network = Collapsed(gan.generator, rows).to(device)
    return Gan(
        network, None, prior=gan.prior, image_shape=gan.image_shape, provenance={**gan.provenance, "collapsed": kept}
    )


class Collapsed(nn.Module):
    """A generator of few images: a sharp softmax of inner products of codes ``[B, d]`` selects one of few codes.

    Args:
        network: generator that decodes the selected code.
        rows: the codes ``[k, d]`` that remain.
    """

    rows: Tensor

    def __init__(self, network: nn.Module, rows: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("rows", rows)

    def forward(self, codes: Tensor) -> Tensor:
        """Return images ``[B, C, H, W]``."""
        chosen = (SHARPNESS * codes @ self.rows.T).softmax(1) @ self.rows
        images: Tensor = self.network(chosen)
        return images
