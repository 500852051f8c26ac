"""Recovery errors: images are inverted chunk by chunk with one search, and every chunk is kept in the store.

Training, unseen and generated images get the same search, steps and seed. A chunk is identified by its images, so
that an interrupted run, or one on more images of the same draw, reuses the stored chunks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from bench.core.errors import BenchError, ContractError
from bench.core.files import digest, write_bytes
from bench.core.run_context import Progress, RunContext, silent
from bench.core.types import Budget, ComponentSpec, Gan, Images
from bench.gans.identity import generator_identity
from bench.harness.bound_method import BoundMethod, batch_size, check_untouched, checked_codes, make_method
from bench.harness.keys import KeyMaker, module_code
from bench.harness.store import Busy, Store

Floats = NDArray[np.float64]

CHUNK = 50
"""Images that are inverted and stored together; fewer if they are large."""
CODES = ("z", "w", "w+")
"""Latent spaces in which an error is informative; a search with more freedom reconstructs any image."""
DEFAULT_SEARCH = ComponentSpec("lbfgs", {"stretch": 0.9})
"""The search that recovers the largest share of generated images in the studies of this suite."""
DEFAULT_STEPS = 400


@dataclass(frozen=True)
class Search:
    """The search that inverts images.

    Attributes:
        method: a method that needs no training, with its options.
        steps: steps from each starting point.
        seed: seed of the starting points, which do not depend on the group and batch of an image.
    """

    method: ComponentSpec = DEFAULT_SEARCH
    steps: int = DEFAULT_STEPS
    seed: int = 0

    def facts(self) -> dict[str, Any]:
        """Return the search as JSON."""
        options = dict(sorted(self.method.options.items()))
        return {"method": self.method.name, "options": options, "steps": self.steps, "seed": self.seed}


@dataclass(frozen=True)
class Recovered:
    """The result of a search for each image of a group.

    Attributes:
        errors: mean squared errors ``[n]``, pixels in [-1, 1], without rounding of targets and outputs.
        log_prob: log density of the found codes under the prior, in nats, ``[n]``.
        codes: ``[n, d]`` float32.
    """

    errors: Floats
    log_prob: Floats
    codes: NDArray[np.float32]


@dataclass
class Recovery:
    """A search bound to a GAN; computes the recovery errors of images.

    Attributes:
        gan: the GAN, frozen, on the device.
        search: the search that inverts images.
        store: store of finished chunks.
        device: "cpu" or "cuda".
        progress: called with the number of finished images.
    """

    gan: Gan
    search: Search
    store: Store
    device: str = "cpu"
    progress: Progress = silent
    _method: BoundMethod | None = field(default=None, repr=False)
    _identity: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._identity = self._identify()
        if self._method is None:
            self._method = self._opened()

    @property
    def method(self) -> BoundMethod:
        """The search, bound to the GAN."""
        assert self._method is not None
        return self._method

    def at(self, steps: int) -> Recovery:
        """Return the same search with another number of steps; its precomputed quantities of the GAN are kept."""
        search = Search(self.search.method, steps, self.search.seed)
        return Recovery(
            self.gan, search, store=self.store, device=self.device, progress=self.progress, _method=self._method
        )

    def _opened(self) -> BoundMethod:
        method = open_search(self.search.method)
        method.bind(self.gan, self._run())
        beyond = [space for space in method.spaces if space not in CODES]
        if beyond:
            raise BenchError(
                f"--search {self.search.method.name} changes {beyond[0]}, with which it can fit any image; "
                "use a search over codes: lbfgs, lm, adam, cma, gradient"
            )
        method.base.build()
        return method

    def _identify(self) -> str:
        code = [*module_code(__name__), *search_code(self.search.method)]
        return digest([generator_identity(self.gan, self.device), self.search.facts(), code, self.device])

    @property
    def chunk(self) -> int:
        """Images inverted together: a function of their size alone, so that results do not depend on n."""
        return min(CHUNK, batch_size(self.gan))

    def recover(self, groups: Mapping[str, Images]) -> dict[str, Recovered]:
        """Invert the images of every group; stored chunks are read.

        Raises:
            ContractError: the generator returns NaN, or the search changes it or breaks its own contract.
            BenchError: the images do not have the generator's shape.
            StoreError: the store cannot be written.
        """
        for name, images in groups.items():
            if images.shape != self.gan.image_shape:
                raise BenchError(
                    f"{name} images are {images.shape}, expected {self.gan.image_shape} as the generator's"
                )
        before, total, done = self.gan.checksum(), sum(map(len, groups.values())), 0
        waiting = {
            (name, start): images.take(slice(start, start + self.chunk))
            for name, images in groups.items()
            for start in range(0, len(images), self.chunk)
        }
        found: dict[tuple[str, int], Recovered] = {}
        while waiting:
            place, reached = self._next(waiting)
            found[place] = reached
            done += len(waiting.pop(place))
            self.progress(f"invert ({self.search.steps} steps)", done, total, {})
        check_untouched(self.gan, before, "the search")
        return {name: _joined([found[place] for place in sorted(found) if place[0] == name]) for name in groups}

    def _next(self, waiting: Mapping[tuple[str, int], Images]) -> tuple[tuple[str, int], Recovered]:
        """Return one chunk and its result: the first that no other process computes, else the first, once done."""
        for place, images in waiting.items():
            with suppress(Busy):
                return place, self._chunk(images, place[0], wait=False)
        place = next(iter(waiting))
        return place, self._chunk(waiting[place], place[0], wait=True)

    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Decode codes to images ``[n, C, H, W]``."""
        with torch.no_grad():
            parts = torch.from_numpy(codes).to(self.device).split(batch_size(self.gan))
            made: NDArray[np.float32] = torch.cat([self.method.view.decode(p).float().cpu() for p in parts]).numpy()
        return made

    def _chunk(self, images: Images, name: str, *, wait: bool) -> Recovered:
        key = digest([self._identity, images.checksum])
        with self.store.lock("overfit", key, wait=wait):
            stored = self.store.artefact("overfit", key)
            if stored is None:
                content = self._invert(images, name)
                writers = {"found.safetensors": lambda path: write_bytes(path, save(content))}
                stored = self.store.put("overfit", key, writers, {"search": self.search.facts(), "n": len(images)})
        return _joined([_read(load_file(stored.file("found.safetensors")))])

    def _invert(self, images: Images, name: str) -> dict[str, Tensor]:
        x, view = images.floats(slice(None)).to(self.device), self.method.view
        self.method.bind(self.gan, self._run())
        codes = checked_codes(self.method.invert(x), x, view).detach()
        with torch.no_grad():
            made = view.decode(codes)
            bad = int((~made.isfinite()).flatten(1).any(1).sum())
            if bad:
                raise ContractError(
                    f"the generator gives NaN or infinite pixels for the codes of {bad} {name} images"
                )
            errors = (made.double() - x.double()).square().flatten(1).mean(1)
            log_prob = view.prior.log_prob(codes).double()
        return {"codes": codes.cpu(), "errors": errors.cpu(), "log_prob": log_prob.cpu()}

    def _run(self) -> RunContext:
        steps = self.search.steps
        return RunContext(
            Budget(
                "overfit",
                0,
                test_images=0,
                own_images=0,
                train_steps=0,
                fit_steps=0,
                search_steps=steps,
                refine_steps=steps,
                timeout=math.inf,
            ),
            self.search.seed,
            self.device,
        )


def open_search(choice: ComponentSpec) -> BoundMethod:
    """Build a search by name.

    Raises:
        UnknownName: no such method or option.
        BenchError: the method has to be trained, so that its errors would also depend on that training.
    """
    method = make_method(choice)
    if method.base.trained_on != "nothing":
        raise BenchError(
            f"--search {choice.name} is trained on {method.base.trained_on}, so that its errors also depend on "
            "its training; use a search without training: lbfgs, lm, adam, cma, gradient"
        )
    return method


def search_code(choice: ComponentSpec) -> list[str]:
    """Return hashes of a method and its refiners: their options, defaults filled in, and their code."""
    base, *refiners = choice.name.split("+")
    maker, options = KeyMaker(), {k: v for k, v in choice.options.items() if k not in refiners}
    refined = [maker.component("refiner", each, choice.options.get(each, {})) for each in refiners]
    return [maker.component("method", base, options), *refined]


def _read(content: Mapping[str, Tensor]) -> Recovered:
    return Recovered(content["errors"].numpy(), content["log_prob"].numpy(), content["codes"].numpy())


def _joined(parts: list[Recovered]) -> Recovered:
    return Recovered(
        np.concatenate([p.errors for p in parts]),
        np.concatenate([p.log_prob for p in parts]),
        np.concatenate([p.codes for p in parts]),
    )
