"""The guard around every stage of a method: what it changes outside of itself is restored, and named.

Global state of torch and of the process, the modes of the GAN's networks, and the images of a plug-in's stage. Random
numbers need no guard: every stage seeds them at its beginning.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from bench.core.errors import ContractError
from bench.core.types import Gan, Images
from bench.datasets.guard import forbid_test_split
from bench.harness.context import HarnessContext

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name)]
MONITORS = {"tqdm._monitor"}
"""Modules of threads that a progress bar starts and that compute nothing."""


class Setting(NamedTuple):
    """A global setting: its name in messages, and functions that read and restore it."""

    name: str
    read: Callable[[], Any]
    restore: Callable[[Any], Any]

    def differs(self, before: Any) -> bool:
        """Return True if the setting changed; what is added to a dict is no change (libraries add variables)."""
        now = self.read()
        return (
            any(now.get(key) != value for key, value in before.items()) if isinstance(before, dict) else now != before
        )


def _set_environment(values: dict[str, str]) -> None:
    os.environ.update(values)


def _set_signals(handlers: list[Any]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(SIGNALS, handlers, strict=True):
            signal.signal(number, handler)


SETTINGS = (
    Setting("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Setting("torch's default device", torch.get_default_device, torch.set_default_device),
    Setting("grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    Setting("the number of threads", torch.get_num_threads, torch.set_num_threads),
    Setting(
        "deterministic algorithms", torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms
    ),
    Setting(
        "the precision of matrix products", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    ),
    Setting("the current folder", os.getcwd, os.chdir),
    Setting("environment variables", lambda: dict(os.environ), _set_environment),
    Setting("signal handlers", lambda: [signal.getsignal(number) for number in SIGNALS], _set_signals),
)


@contextmanager
def guarded(
    bench: HarnessContext,
    stage: str,
    gan: Gan | None = None,
    inputs: Sequence[Images] = (),
    checkpoint: Path | None = None,
) -> Iterator[None]:
    """Run a method's code: nothing that it changes outside of itself stays, and no dataset is read.

    Args:
        bench: context, with the watch over files.
        stage: as named in messages.
        gan: the GAN that the method is bound to.
        inputs: images that it is given; compared only in a process of the method's own, where they may have changed.
        checkpoint: the stage's own file in the store.

    Raises:
        ContractError: the method changed global state, the GAN or its images, left threads at work, or opened files
            of a dataset or of the store; the message names it.
    """
    before = [setting.read() for setting in SETTINGS]
    threads = set(threading.enumerate())
    state, weights = _state(gan), gan.checksum() if gan else ""
    sums = [_checksum(images) for images in inputs] if bench.isolated else []
    with ExitStack() as inside:
        if bench.isolated:
            inside.enter_context(bench.watch.forbidding(stage, [bench.store.root], checkpoint))
        inside.enter_context(forbid_test_split(stage))
        try:
            yield
        finally:
            spoilt = [(each, value) for each, value in zip(SETTINGS, before, strict=True) if each.differs(value)]
            for setting, value in spoilt:  # no others: setting the default device has a cost
                setting.restore(value)
    changed = [setting.name for setting, _ in spoilt]
    if gan is not None and gan.checksum() != weights:
        raise ContractError(f"the method changed the GAN's weights during {stage}")
    if gan is not None and (fault := _restored(gan, state)):
        changed.append(fault)
    if sums and sums != [_checksum(images) for images in inputs]:
        changed.append("the images that it was given")
    if left := [t.name for t in threading.enumerate() if t not in threads and type(t).__module__ not in MONITORS]:
        raise ContractError(f"the method leaves threads at work after {stage}: {', '.join(left)}")
    if changed:
        raise ContractError(f"the method changed {', '.join(changed)} during {stage}")


def _state(gan: Gan | None) -> list[Any]:
    """Return what a method must not change of a GAN besides its weights, module by module."""
    if gan is None:
        return []
    parts = [(module, type(module), module.training, _hooks(module)) for module in _modules(gan)]
    grads = [(p, p.requires_grad) for module in _modules(gan) for p in module.parameters(recurse=False)]
    return [type(gan), set(vars(gan)), type(gan.prior), set(vars(gan.prior)), parts, grads]


def _restored(gan: Gan, before: list[Any]) -> str:
    """Restore modes of a GAN; return the name of what had changed, or "" if nothing had."""
    now, changed = _state(gan), ""
    if now[:4] != before[:4] or [part[:2] for part in now[4]] != [part[:2] for part in before[4]]:
        changed = "the GAN's classes, attributes or modules"
    elif [part[3] for part in now[4]] != [part[3] for part in before[4]]:
        changed = "the hooks of the GAN's modules"
    elif [part[2] for part in now[4]] != [part[2] for part in before[4]]:
        changed = "the train or eval mode of the GAN's modules"
    elif [flag for _, flag in now[5]] != [flag for _, flag in before[5]]:
        changed = "which weights of the GAN need gradients"
    for module, _, training, _ in before[4]:
        if module.training != training:
            module.training = training
    for parameter, flag in before[5]:
        if parameter.requires_grad != flag:
            parameter.requires_grad_(flag)
    return changed


def _modules(gan: Gan) -> list[Any]:
    return [each for module in gan.modules() for each in module.modules()]


def _hooks(module: Any) -> list[int]:
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return [id(hook) for kind in kinds for hook in getattr(module, kind, {}).values()]


def _checksum(images: Images) -> str:
    """Return a checksum of the values as they are now; ``Images.checksum`` is computed once."""
    return Images(images.data, images.labels, images.attributes, images.attribute_names).checksum
