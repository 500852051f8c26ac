import math
import time

import pytest
import torch
from torch.nn.functional import binary_cross_entropy

from bench.core.errors import CellTimeout, NotApplicable
from bench.gans.priors import Uniform, image_noise
from methods.gradient import cross_entropy
from methods.gradient_descent import descend

LONG = {"search_steps": 600, "refine_steps": 400}
FINE = {"search_steps": 2500}
"""RMSprop's steps do not shrink near the answer: it jitters by about its learning rate, on each machine otherwise."""


@pytest.fixture
def targets():
    return torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(3)) * 0.3


def alone(invert, x):
    return torch.cat([invert(one[None]) for one in x])


def test_gradient_finds_the_least_squares_solution(ready, linear, targets):
    method = ready("gradient", linear, budget=FINE, rec="mse", beta=0.0, learning_rate=0.002)
    torch.testing.assert_close(method.invert(targets), linear.generator.solve(targets), atol=0.01, rtol=0)


def test_the_prior_pulls_towards_the_mode_as_ridge_regression_says(ready, linear, targets):
    """min mean (x - Az - b)^2 + beta/2 mean z^2 has the closed form (A'A/16 + beta/6) z = A'(x - b)/16, d = 3."""
    beta, a = 3.0, linear.generator.a
    method = ready("gradient", linear, budget=FINE, rec="mse", beta=beta, learning_rate=0.002)
    left = a.T @ a / 16 + beta / 2 / 3 * torch.eye(3)
    right = a.T @ (targets.flatten(1) - linear.generator.b).T / 16
    torch.testing.assert_close(method.invert(targets), torch.linalg.solve(left, right).T, atol=0.01, rtol=0)


def test_a_uniform_prior_clips_after_each_step(ready, linear, targets):
    linear.prior = Uniform(3, -0.1, 0.1)
    codes = ready("gradient", linear, budget=LONG, rec="mse").invert(targets)
    free = linear.generator.solve(targets)
    outside = free.abs() > 0.15
    assert outside.any()
    assert torch.equal(linear.prior.project(codes), codes)
    torch.testing.assert_close(codes[outside], 0.1 * free[outside].sign())


def test_cross_entropy_is_that_of_pixels_in_unit_range():
    x, y = torch.rand(3, 1, 5, 5) * 2 - 1, torch.rand(3, 1, 5, 5) * 1.9 - 0.95
    expected = [binary_cross_entropy((b + 1) / 2, (a + 1) / 2) for a, b in zip(x, y, strict=True)]
    torch.testing.assert_close(cross_entropy(x, y), torch.stack(expected))
    assert cross_entropy(torch.ones(1, 1, 1, 1), -torch.ones(1, 1, 1, 1)).item() == pytest.approx(-math.log(1e-6))


@pytest.mark.parametrize("rec", ["bce", "mse"])
def test_gradient_recovers_images_of_the_generator(ready, trained, own, error, rec):
    x = own[1][:16]
    floor = error(trained, ready("random_code", trained).invert(x), x).mean()
    method = ready("gradient", trained, rec=rec, learning_rate=0.05)
    before = trained.checksum()
    assert error(trained, method.invert(x), x).mean() < 0.1 * floor
    assert trained.checksum() == before


@pytest.mark.parametrize("rec", ["bce", "mse"])
def test_batched_codes_equal_those_found_one_by_one(ready, trained, digits, rec):
    x = digits.val.floats(slice(0, 5))
    method = ready("gradient", trained, budget={"search_steps": 15}, rec=rec)
    torch.testing.assert_close(alone(method.invert, x), method.invert(x), atol=1e-3, rtol=0)


def test_gradient_starts_from_the_noise_of_each_image(ready, trained, digits):
    x = digits.val.floats(slice(0, 3))
    start = ready("gradient", trained, seed=4, budget={"search_steps": 0}).invert(x)
    assert torch.equal(start, trained.prior.from_uniform(image_noise(x, 4, 6)))


def test_cross_entropy_is_refused_for_points(ready, linear):
    linear.image_shape = (2, 1, 1)
    with pytest.raises(NotApplicable, match="rec = 'mse'"):
        ready("gradient", linear)
    ready("gradient", linear, rec="mse")


# ------------------------------------------------------------------------------------------------- opt


def test_opt_finds_the_least_squares_solution(ready, linear, targets):
    refiner = ready("opt", linear, kind="refiner", budget=LONG)
    codes = refiner.refine(targets, torch.zeros(12, 3))
    torch.testing.assert_close(codes, linear.generator.solve(targets), atol=1e-3, rtol=0)


def test_opt_improves_the_codes_it_is_given(ready, trained, digits, error):
    x = digits.val.floats(slice(0, 16))
    codes = ready("best_of_random", trained, count=50).invert(x)
    given = codes.clone()
    better = ready("opt", trained, kind="refiner", budget={"refine_steps": 50}).refine(x, codes)
    assert torch.equal(codes, given)
    assert (error(trained, better, x) < error(trained, codes, x)).float().mean() > 0.9
    assert error(trained, better, x).mean() < 0.95 * error(trained, codes, x).mean()


def test_opt_treats_each_image_on_its_own(ready, trained, digits):
    x = digits.val.floats(slice(0, 5))
    refiner = ready("opt", trained, kind="refiner")
    codes = trained.prior.sample(5, torch.Generator().manual_seed(0))
    one_by_one = [refiner.refine(x[i : i + 1], codes[i : i + 1]) for i in range(5)]
    torch.testing.assert_close(torch.cat(one_by_one), refiner.refine(x, codes), atol=1e-3, rtol=0)


def test_opt_moves_as_far_as_adam_does_in_one_step(ready, linear, targets):
    refiner = ready("opt", linear, kind="refiner", budget={"refine_steps": 1}, learning_rate=0.02)
    moved = refiner.refine(targets, torch.zeros(12, 3))
    torch.testing.assert_close(moved.abs(), torch.full((12, 3), 0.02), atol=1e-5, rtol=0)


# ------------------------------------------------------------------------------------------------- descend


def test_a_search_works_where_gradients_are_off(ready, linear, targets):
    with torch.no_grad():
        codes = ready("gradient", linear, rec="mse").invert(targets)
    assert not codes.requires_grad


def test_a_search_stops_at_the_deadline(ready, linear, targets):
    method = ready("gradient", linear, rec="mse")
    method.run.deadline = time.monotonic() - 1
    with pytest.raises(CellTimeout, match="gradient: out of time at step 0 of 60"):
        method.invert(targets)


def test_a_search_reports_its_progress(ready, linear, targets):
    seen = []
    method = ready("gradient", linear, rec="mse")
    method.run.progress = lambda what, step, steps, figures: seen.append((what, step, steps, sorted(figures)))
    method.invert(targets)
    assert seen == [("gradient", 50, 60, ["loss"]), ("gradient", 60, 60, ["loss"])]


def test_descend_leaves_no_gradient_in_the_generator(ready, trained, digits):
    x = digits.val.floats(slice(0, 2))
    run = ready("gradient", trained).run
    weight = next(trained.generator.parameters()).requires_grad_(True)
    descend(
        "test",
        torch.zeros(2, 6),
        lambda z: (trained.decode(z) - x).square().flatten(1).mean(1),
        lambda moved: torch.optim.SGD(moved, lr=0.1),
        2,
        run,
    )
    trained.freeze()
    assert weight.grad is None
