"""GANs of studies: chosen by an option, trained and inverted by the stages of the harness. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.core.errors import BenchError
from bench.core.types import Budget, Cell, ComponentSpec
from bench.gans.zoo import shipped_gans
from bench.harness.suite import parse_choice
from bench.harness.suite_parser import checked

if TYPE_CHECKING:
    from torch import Tensor

    from bench.core.types import Gan
    from bench.studies.base import StudyRequest

MISSING = "no GAN of {dataset} ships; name one: --option gan=dcgan, or gan=checkpoint:FILE"
"""Message of ``choose_gan`` where any GAN is accepted."""


def choose_gan(typed: str, shipped: str, missing: str) -> ComponentSpec:
    """Return the GAN of a study's option.

    Args:
        typed: the option as typed, with options after a "?"; "" for ``shipped``.
        shipped: the study's default GAN of the dataset, such as ``digits/dcgan``.
        missing: error message if it does not ship.

    Raises:
        UnknownName: no such GAN or option.
        BenchError: nothing was typed, and ``shipped`` does not ship.
    """
    if not typed and shipped not in shipped_gans():
        raise BenchError(missing)
    return checked("gan", parse_choice(typed or shipped, "--option gan ="), "--option gan")


def trained_gan(dataset: ComponentSpec, gan: ComponentSpec, steps: int, request: StudyRequest) -> tuple[Gan, str]:
    """Return the GAN, read from its file or trained by the stage of the harness, and the key of its training.

    Args:
        dataset: dataset that it is trained on.
        gan: the GAN.
        steps: training steps.
        request: seed, device and progress.

    Raises:
        BenchError: it cannot be read or trained.
    """
    from bench.harness.context import HarnessContext
    from bench.harness.keys import keys_of
    from bench.harness.store import Store
    from bench.harness.train_stage import train

    budget = Budget(
        "study",
        0,
        test_images=0,
        own_images=1,
        train_steps=steps,
        fit_steps=0,
        search_steps=0,
        refine_steps=0,
        timeout=86400.0,
    )
    cell = Cell(dataset, gan, method=ComponentSpec("random_code"), seed=request.seed, budget=budget, metrics=())
    keys = keys_of(cell)
    opened, _ = train(HarnessContext(Store(), request.device, request.progress), cell, keys)
    return opened, keys.train


def invert_test_images(cell: Cell, request: StudyRequest) -> tuple[Gan, Tensor, Mapping[str, str]]:
    """Invert the test images with a cell's method.

    Returns:
        The GAN in the space of the codes, the codes ``[N, d]``, and the keys of the stages by name.

    Raises:
        BenchError: a stage failed; says why.
    """
    from safetensors.torch import load_file

    from bench.harness.bound_method import view_of
    from bench.harness.context import HarnessContext
    from bench.harness.invert_stage import invert
    from bench.harness.keys import keys_of
    from bench.harness.store import Store
    from bench.harness.train_stage import train

    keys = keys_of(cell)
    bench = HarnessContext(Store(), request.device, request.progress)
    gan, _ = train(bench, cell, keys)
    found = invert(bench, cell, keys, gan)
    codes = load_file(found.file("codes.safetensors"), device=bench.device)
    return (
        view_of(gan, found.meta),
        codes["test"],
        {stage: getattr(keys, stage) for stage in ("train", "fit", "invert")},
    )
