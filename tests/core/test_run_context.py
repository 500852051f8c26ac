"""The loop resumes bit for bit, stops on time and notices NaN."""

import itertools
import resource
import time

import pytest
import torch

from bench.core.errors import CellTimeout, Diverged, StoreError
from bench.core.run_context import RunContext
from bench.core.types import Budget

BUDGET = Budget("test", 0, 0, 0, 0, 0, 0, 0, timeout=60)


def walk(run, steps, stop=None):
    """Fit a small layer with dropout on drawn noise, so that every source of randomness counts."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(net.parameters())
    loop = run.loop("walk", steps, {"net": net, "optimizer": optimizer})
    for _ in itertools.islice(loop, stop):
        loss = net(torch.randn(4, 3, generator=run.rng)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize("stop", [1, 7, 19])
def test_an_interrupted_loop_ends_with_the_same_bits(tmp_path, stop):
    whole = walk(RunContext(BUDGET, seed=1), 20)
    checkpoint = tmp_path / "c"
    walk(RunContext(BUDGET, seed=1, checkpoint=checkpoint, checkpoint_seconds=0), 20, stop)
    assert checkpoint.is_file() or stop == 1
    run = RunContext(BUDGET, seed=1, checkpoint=checkpoint, checkpoint_seconds=0)
    resumed = walk(run, 20)
    assert torch.equal(whole, resumed)
    assert run.steps == 20, "those before the interruption count"


def test_another_seed_or_length_does_not_resume(tmp_path):
    checkpoint = tmp_path / "c"
    walk(RunContext(BUDGET, seed=1, checkpoint=checkpoint, checkpoint_seconds=0), 20, 9)
    assert torch.equal(
        walk(RunContext(BUDGET, seed=2, checkpoint=checkpoint), 20), walk(RunContext(BUDGET, seed=2), 20)
    )


def test_a_damaged_checkpoint_is_dropped(tmp_path):
    checkpoint = tmp_path / "c"
    checkpoint.write_bytes(b"not a checkpoint")
    assert torch.equal(
        walk(RunContext(BUDGET, seed=1, checkpoint=checkpoint), 5), walk(RunContext(BUDGET, seed=1), 5)
    )


@pytest.mark.parametrize("damaged", [False, True])
def test_the_cost_of_parts_is_that_of_processes_before_this_one(tmp_path, damaged):
    """Each step costs 1; two loops, a checkpoint after every step. What this process wrote is not added again."""
    checkpoint = tmp_path / "c"

    def stage(stop=None):
        run = RunContext(BUDGET, seed=1, checkpoint=checkpoint, checkpoint_seconds=0)
        spent = iter(range(1, 100))
        run.cost = lambda: {"steps": float(next(spent))}
        for name in ("first", "second"):
            for step in run.loop(name, 4, {}):
                if (name, step) == stop:
                    return run
        return run

    stage(("first", 3))
    if damaged:
        checkpoint.write_bytes(b"PK\x03\x04")
    assert stage().earlier == ({} if damaged else {"steps": 3.0})


def test_nan_is_divergence_and_names_the_figure():
    run = RunContext(BUDGET, seed=1)
    with pytest.raises(Diverged, match="walk: loss is nan at step"):
        for _ in run.loop("walk", 10, {}):
            run.report(loss=torch.tensor(float("nan")))


def test_the_deadline_stops_the_loop():
    run = RunContext(BUDGET, seed=1, deadline=time.monotonic() - 1)
    with pytest.raises(CellTimeout, match="out of time at step 0 of 10"):
        list(run.loop("walk", 10, {}))


def test_progress_gets_the_latest_figures():
    seen = []
    run = RunContext(BUDGET, seed=1, progress=lambda *news: seen.append(news))
    for step in run.loop("walk", 60, {}):
        run.report(loss=step)
    assert seen == [("walk", 50, 60, {"loss": 49.0}), ("walk", 60, 60, {"loss": 59.0})]


class Counter:
    """A state of one number."""

    value = 0.0

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]


def test_a_finished_loop_is_not_walked_again_when_a_later_one_resumes(tmp_path):
    def walk(stop_at=None):
        run = RunContext(BUDGET, 1, checkpoint=tmp_path / "two.pt", checkpoint_seconds=-1.0)
        first, second, walked = Counter(), Counter(), []
        for what, counter in (("first", first), ("second", second)):
            for step in run.loop(what, 4, {"counter": counter}):
                if (what, step) == stop_at:
                    return first, second, walked
                counter.value += float(torch.rand((), generator=run.rng))
                walked.append((what, step))
        return first, second, walked

    walk(stop_at=("second", 2))
    first, second, walked = walk()
    assert walked == [("second", 2), ("second", 3)]
    (tmp_path / "two.pt").unlink()
    whole_first, whole_second, _ = walk()
    assert (first.value, second.value) == (whole_first.value, whole_second.value)


def test_a_full_disk_leaves_the_checkpoint_before_it(tmp_path):
    """A limit on the size of files stands for the disk: the first checkpoint fits, the second is larger."""
    checkpoint = tmp_path / "c"

    class Growing(Counter):
        def state_dict(self):
            self.value += 200_000
            return {"value": torch.zeros(int(self.value))}

        def load_state_dict(self, state):
            self.value = float(len(state["value"]))

    growing = Growing()
    run = RunContext(BUDGET, 0, checkpoint=checkpoint, checkpoint_seconds=-1.0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_200_000, before[1]))
    try:
        with pytest.raises(StoreError, match=f"cannot write {checkpoint}: File too large"):
            list(run.loop("growing", 4, {"growing": growing}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    resumed = Growing()
    steps = run.loop("growing", 4, {"growing": resumed})
    assert next(steps) == 1
    assert resumed.value == 200_000
