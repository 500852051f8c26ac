"""The descent that searches share: an image that diverges keeps its last finite code, and the others their own."""

from __future__ import annotations

import warnings

import pytest
import torch

from bench.core.errors import ImagesDiverged
from bench.core.run_context import RunContext
from bench.core.types import Budget
from methods.gradient_descent import descend

BUDGET = Budget("test", 0, 0, 0, 0, 0, 10, 0, 60.0)
RUN = RunContext(BUDGET, 0)


def adam(moved):
    return torch.optim.Adam(moved, lr=0.1)


def distance(goal, broken=()):
    """Squared distance to a goal; of the rows in ``broken`` not finite within .5 of it."""

    def loss(z):
        apart = (z - goal).square().sum(1)
        rows = torch.tensor([k in broken for k in range(len(z))])
        return apart * torch.where(rows & (apart < 0.25), torch.nan, 1.0).detach()

    return loss


def test_one_that_diverges_stays_where_it_was_and_the_rest_is_unharmed():
    start, goal, run = torch.zeros(4, 3), torch.ones(4, 3), RunContext(BUDGET, 0)
    alone = descend("test", start, distance(goal), adam, 60, run)
    assert run.diverged == 0
    with pytest.warns(ImagesDiverged, match="test: 1 of 4 images diverged") as told:
        found = descend("test", start, distance(goal, broken=(2,)), adam, 60, run)
    assert told[0].message.count == run.diverged == 1
    assert torch.equal(found[[0, 1, 3]], alone[[0, 1, 3]])
    assert found.isfinite().all()
    assert 0 < float((found[2] - goal[2]).square().sum()) < 0.5


def test_where_all_is_finite_nothing_is_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = descend("test", torch.zeros(2, 3), distance(torch.ones(2, 3)), adam, 400, RUN)
    assert torch.allclose(found, torch.ones(2, 3), atol=1e-2)


def test_what_projects_is_applied_after_every_step():
    found = descend("test", torch.zeros(2, 3), distance(torch.ones(2, 3)), adam, 50, RUN, lambda z: z.clamp(max=0.3))
    assert torch.allclose(found, torch.full((2, 3), 0.3))
