"""One point of a quality-time curve: per-image errors and cost of a method after a number of steps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.core.errors import ContractError
from bench.core.files import digest
from bench.core.types import Cell
from bench.statistics import Floats

if TYPE_CHECKING:
    import pandas as pd

    from bench.core.types import Gan, Images
    from bench.harness.bound_method import BoundMethod
    from bench.harness.context import HarnessContext

STAGE = "search-time"
WARM_IMAGES = 2
Track = Literal["test", "own"]
TRACKS: tuple[Track, Track] = ("test", "own")
COSTS = ("processor_ms", "wall_ms", "calls")


@dataclass(frozen=True)
class SearchPoint:
    """The result of one method with one number of steps.

    Attributes:
        method: name of the method in tables.
        steps: steps of the search, or of the refiners.
        mse: track -> mean squared error of each image ``[N]``, unrounded pixels in [-1, 1].
        cost: track -> processor and wall milliseconds, and generator calls, per image.
        setup_seconds: processor seconds before the first image: computations that a method does once for a GAN, and
            the first calls of its kernels. Not part of the cost.
        fit_seconds: wall seconds of its training; not part of the cost either.
    """

    method: str
    steps: int
    mse: Mapping[str, Floats]
    cost: Mapping[str, Mapping[str, float]]
    setup_seconds: float
    fit_seconds: float

    def psnr(self, track: Track) -> Floats:
        """Return the peak signal-to-noise ratio ``[N]`` in dB, with the ceiling of ``bench.metrics.pixels.psnr``.

        The peak-to-peak range is 2, its square 4; an error of 1/12 squared level of 256 is the least.
        """
        return np.asarray(10 * np.log10(4 / np.maximum(self.mse[track], 4 / (12 * 255**2))))

    def rows(self) -> pd.DataFrame:
        """Return one row per image."""
        import pandas as pd

        columns = ({"track": t, "image": np.arange(len(self.mse[t])), "mse": self.mse[t]} for t in TRACKS)
        return pd.concat([pd.DataFrame(c) for c in columns], ignore_index=True)


def measured(bench: HarnessContext, cell: Cell, steps: int, threads: int) -> SearchPoint:
    """Return the point of a cell: read from the store, or measured and stored.

    The key consists of the facts that determine codes, and the number of threads, but no time.

    Raises:
        NotApplicable: the method does not support this GAN.
        ContractError: the method does not return codes, or changes the GAN.
    """
    import pandas as pd

    from bench.harness.keys import keys_of, module_code

    keys = keys_of(cell)
    key = digest({"stage": [STAGE, module_code(__name__)], "invert": keys.invert, "threads": threads})
    stored = bench.store.artefact(STAGE, key)
    if stored is None:
        with one_count_of_threads(threads):
            point = _measure(bench, cell, key, steps)
        facts = {"cost": point.cost, "setup_seconds": point.setup_seconds, "fit_seconds": point.fit_seconds}

        def write(path: Path) -> None:
            point.rows().to_parquet(path, compression="zstd", index=False)

        stored = bench.store.put(STAGE, key, {"errors.parquet": write}, facts)
    rows = pd.read_parquet(stored.file("errors.parquet"))
    errors = {str(t): rows.loc[rows["track"] == t, "mse"].to_numpy(np.float64) for t in TRACKS}
    meta = stored.meta
    return SearchPoint(
        cell.method.title,
        steps,
        mse=errors,
        cost=meta["cost"],
        setup_seconds=meta["setup_seconds"],
        fit_seconds=meta["fit_seconds"],
    )


def _measure(bench: HarnessContext, cell: Cell, key: str, steps: int) -> SearchPoint:
    from bench.harness.bound_method import check_untouched
    from bench.harness.context import load_data, open_run
    from bench.harness.fit_stage import fit
    from bench.harness.invert_stage import own_images
    from bench.harness.keys import keys_of
    from bench.harness.train_stage import train

    keys = keys_of(cell)
    gan, _ = train(bench, cell, keys)
    method, fitted = fit(bench, cell, keys, gan)
    test = load_data(bench, cell).test.first(cell.budget.test_images)
    images = {"test": test, "own": own_images(bench, cell, gan)[0]}
    before = gan.checksum()
    setup = _warm_up(bench, cell, key=key, method=method, gan=gan)
    run = open_run(bench, cell, key, "invert")
    run.reseed()
    run.checkpoint = None
    method.bind(gan, run)
    errors, cost = {}, {}
    for track, shown in images.items():
        errors[track], cost[track] = _invert(bench, method, gan, shown)
    check_untouched(gan, before, "invert")
    return SearchPoint(
        cell.method.title, steps, mse=errors, cost=cost, setup_seconds=setup, fit_seconds=float(fitted["seconds"])
    )


def _warm_up(bench: HarnessContext, cell: Cell, key: str, method: BoundMethod, gan: Gan) -> float:
    """Run one step on two images, with all computations done once for a GAN; return processor seconds."""
    from bench.harness.context import load_data, open_run

    short = replace(cell.budget, search_steps=1, refine_steps=1)
    run = open_run(bench, replace(cell, budget=short), key, "invert")
    run.checkpoint = None
    method.bind(gan, run)
    started = time.process_time()
    for _, x in load_data(bench, cell).val.first(WARM_IMAGES).batches(WARM_IMAGES):
        method.invert(x.to(bench.device))
    return time.process_time() - started


def _invert(bench: HarnessContext, method: BoundMethod, gan: Gan, images: Images) -> tuple[Floats, dict[str, float]]:
    """Return errors ``[N]`` of images, and the cost per image without decoding and scoring."""
    import torch

    from bench.core.environment import synchronise
    from bench.harness.bound_method import batch_size, checked_codes

    parts, spent = [], dict.fromkeys(COSTS, 0.0)
    for _, x in images.batches(batch_size(gan)):
        batch = x.to(bench.device)
        synchronise(bench.device)
        wall, processor, calls = time.perf_counter(), time.process_time(), gan.calls
        codes = checked_codes(method.invert(batch), batch, method.view).detach()
        synchronise(bench.device)
        spent["wall_ms"] += 1000 * (time.perf_counter() - wall)
        spent["processor_ms"] += 1000 * (time.process_time() - processor)
        spent["calls"] += gan.calls - calls
        with torch.no_grad():
            parts.append((method.view.decode(codes).float() - batch).square().flatten(1).mean(1).cpu())
    mse = torch.cat(parts).double().numpy()
    if not np.isfinite(mse).all():
        raise ContractError(
            f"the generator's images of {int((~np.isfinite(mse)).sum())} codes hold NaN or infinite pixels"
        )
    return mse, {name: value / len(images) for name, value in spent.items()}


@contextmanager
def one_count_of_threads(threads: int) -> Iterator[None]:
    """Set the number of torch's threads during a block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
