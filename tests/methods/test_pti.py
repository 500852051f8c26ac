"""Pivotal tuning: its steps, what it holds still, and what it gains."""

import copy
import itertools
import math
import time

import pytest
import torch

from bench.core.errors import CellTimeout, ContractError, ImagesDiverged
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, ComponentSpec
from bench.gans.latent_spaces import tunable
from bench.harness.bound_method import make_method
from bench.harness.method_check import check_method

STEPS = 40


def budget(steps=STEPS):
    return Budget("test", 0, 8, 8, train_steps=0, fit_steps=0, search_steps=10, refine_steps=steps, timeout=300.0)


def bound(gan, options, steps=STEPS):
    method = make_method(ComponentSpec("random_code+pti", {"pti": options}))
    method.bind(gan, RunContext(budget(steps), seed=3))
    method.base.build()
    return method


@pytest.fixture(scope="module")
def gan():
    torch.manual_seed(0)
    return create("gan", "dcgan", {"width": 4, "code_dim": 6}).build((1, 28, 28), "cpu").freeze()


@pytest.fixture(scope="module")
def images():
    return torch.rand((5, 1, 28, 28), generator=torch.Generator().manual_seed(1)) * 2 - 1


def errors(method, x, codes):
    return (method.view.decode(codes) - x).square().flatten(1).mean(1)


def test_its_codes_are_those_of_adam_on_a_copy_of_the_generator(gan, images):
    method = bound(gan, {"locality": 0.0}, steps=5)
    codes = method.invert(images[:1])
    tuned = copy.deepcopy(gan.generator)
    weights = [p for name, p in tuned.named_parameters() if name in tunable(gan.generator)]
    for weight in weights:
        weight.requires_grad_(True)
    adam = torch.optim.Adam(weights, lr=3e-4)
    for _ in range(5):
        adam.zero_grad()
        (tuned(codes[:, :6]) - images[:1]).square().mean().backward()
        adam.step()
    torch.testing.assert_close(method.view.decode(codes), tuned(codes[:, :6]).detach(), rtol=1e-3, atol=1e-4)


def test_every_image_is_fitted_far_below_its_pivot_and_the_pivot_stays(gan, images):
    method = bound(gan, {"learning_rate": 0.01})
    codes = method.invert(images)
    pivots = method.base.invert(images)
    assert torch.equal(codes[:, :6], pivots)
    before = (gan.decode(pivots) - images).square().flatten(1).mean(1)
    assert (errors(method, images, codes) < before / 2).all()


def test_without_steps_the_images_are_the_pivots(gan, images):
    method = bound(gan, {}, steps=0)
    codes = method.invert(images)
    assert (codes[:, 6:] == 0).all()


def test_locality_keeps_the_generator_elsewhere(gan, images):
    drifts = {}
    for weight in (0.0, 10.0):
        method = bound(gan, {"learning_rate": 0.01, "locality": weight, "radius": 1.0})
        codes = method.invert(images)
        z = gan.prior.sample(5, torch.Generator().manual_seed(9))
        elsewhere = method.view.decode(torch.cat([z, codes[:, 6:]], 1))
        drifts[weight] = float((elsewhere - gan.decode(z)).square().mean())
    assert drifts[10.0] < drifts[0.0] / 2


def test_locality_looks_somewhere_else_in_each_step_and_so_far_from_the_pivot(gan, images):
    seen, decode = [], gan.decode
    method = bound(gan, {"radius": 0.25}, steps=3)
    pivots = method.base.invert(images)
    gan.decode = lambda codes: seen.append(codes) or decode(codes)
    try:
        method.refiners[0].refine(images, pivots)
    finally:
        del gan.decode
    goals = [pivots + (codes - pivots) / 0.25 for codes in seen]  # codes of the prior, a quarter of the way to them
    assert len(goals) == 3
    for first, second in itertools.pairwise(goals):
        assert not torch.isclose(first, second).any()
    for goal in goals:
        assert not torch.isclose(goal, pivots).any()
        assert torch.allclose(gan.prior.project(goal), goal, atol=1e-5)


def test_a_search_may_follow_in_the_space_of_the_weights(gan, images):
    found = {}
    for name in ("random_code+pti", "random_code+pti+opt"):
        method = make_method(ComponentSpec(name))
        method.bind(gan, RunContext(budget(5), seed=3))
        method.base.build()
        found[name] = errors(method, images, method.invert(images))
    assert (found["random_code+pti+opt"] < found["random_code+pti"]).all()


def test_contract():
    outcomes = check_method("random_code+pti")
    assert not [o for o in outcomes if not o.passed]
    assert len(outcomes) > 5


def test_its_deadline_is_kept(gan, images):
    with pytest.raises(CellTimeout, match="pti: out of time at step 0 of 40"):
        method = bound(gan, {})
        method.base.run.deadline = time.monotonic()
        method.invert(images)


def test_an_image_whose_tuning_diverges_keeps_finite_weights_and_harms_no_other(gan, images):
    """One target is not a number, so that its error never is one."""
    method, x = bound(gan, {}, steps=4), images.clone()
    x[2, 0, 0, 0] = math.nan
    with pytest.warns(ImagesDiverged, match="pti: 1 of 5 images diverged"):
        codes = method.invert(x)
    assert method.base.run.diverged == 1
    assert not codes[2, 6:].any()
    others = torch.arange(5) != 2
    assert torch.equal(codes[others][:, 6:], bound(gan, {}, steps=4).invert(images)[others][:, 6:])


def test_its_gan_must_be_seen_through_its_weights(gan, images):
    method = create("refiner", "pti")
    method.gan, method.run = gan, RunContext(budget(), seed=3)
    with pytest.raises(ContractError, match="requires a GeneratorWeightsView"):
        method.refine(images, torch.zeros(5, 6))


@pytest.mark.parametrize("options", [{"learning_rate": 0.0}, {"locality": -1.0}, {"radius": 1.5}])
def test_options_out_of_range(options):
    with pytest.raises(Exception, match=f"{next(iter(options))} = {next(iter(options.values()))}"):
        create("refiner", "pti", options)
