import pytest
import torch
from scipy.optimize import lsq_linear

from bench.gans.priors import Uniform
from methods.latent_bounds import Support, draw_starts
from methods.lm import MEMORY, TRIALS, LevenbergMarquardt
from methods.reconstruction import LeastSquaresProblem


@pytest.fixture
def targets():
    return torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(3)) * 0.3


def test_two_steps_solve_a_linear_generator(ready, linear, targets):
    method = ready("lm", linear, budget={"search_steps": 2}, damping=1e-6)
    torch.testing.assert_close(method.invert(targets), linear.generator.solve(targets), atol=1e-4, rtol=0)


def test_the_first_step_is_the_ridge_solution(ready, linear, targets):
    """With J'J = 4 I, the step of damping c shrinks the distance to the solution by c / (1 + c); the least wins."""
    start = torch.zeros(12, 3)
    refiner = ready("lm", linear, kind="refiner", budget={"refine_steps": 1}, damping=5.0)
    least = 5.0 * TRIALS[0]
    expected = linear.generator.solve(targets) / (1 + least)
    torch.testing.assert_close(refiner.refine(targets, start), expected, atol=1e-5, rtol=1e-4)


def test_bounds_give_the_solution_of_bounded_least_squares(ready, linear, targets):
    linear.prior = Uniform(3, -0.1, 0.1)
    codes = ready("lm", linear, budget={"search_steps": 20}, clipping="project").invert(targets)
    a, b = linear.generator.a.double().numpy(), linear.generator.b.double().numpy()
    for code, x in zip(codes, targets.flatten(1).double().numpy(), strict=True):
        expected = lsq_linear(a, x - b, (-0.1, 0.1), tol=1e-12).x
        torch.testing.assert_close(code.double(), torch.tensor(expected), atol=1e-4, rtol=0)


def test_it_recovers_images_of_the_generator_that_adam_does_not(ready, trained, own, error):
    x = own[1][:16]
    found = ready("lm", trained, budget={"search_steps": 40}, starts=3).invert(x)
    adam = ready("adam", trained, budget={"search_steps": 40}).invert(x)
    assert (error(trained, found, x) < 1e-7).float().mean() > 0.8
    assert (error(trained, adam, x) < 1e-7).float().mean() < 0.2


def test_a_step_costs_its_trials_and_a_jacobian_where_the_last_one_was_taken(ready, linear, targets):
    refiner = ready("lm", linear, kind="refiner", budget={"refine_steps": 1})
    before = linear.calls
    refiner.refine(targets, torch.zeros(12, 3))
    first_and_last = 2
    assert (linear.calls - before) / 12 == first_and_last + len(TRIALS) + 1 + 3


def test_images_that_have_arrived_cost_nothing_more(ready, linear, targets):
    counts = []
    for steps in (6, 600):
        before = linear.calls
        ready("lm", linear, kind="refiner", budget={"refine_steps": steps}).refine(targets, torch.zeros(12, 3))
        counts.append(linear.calls - before)
    assert counts[1] < 6 * counts[0]


def test_groups_that_fit_in_memory_give_what_one_group_gives(ready, trained, digits, monkeypatch):
    x = digits.val.floats(slice(0, 5))
    method = ready("lm", trained, budget={"search_steps": 4})
    together = method.invert(x)
    assert MEMORY // 6**2 > 5
    monkeypatch.setattr("methods.lm.MEMORY", 2 * 6**2)
    torch.testing.assert_close(method.invert(x), together, atol=5e-3, rtol=0)


def test_an_empty_batch_has_no_codes(ready, linear):
    run = ready("lm", linear).run
    problem = LeastSquaresProblem(linear, torch.zeros(0, 1, 4, 4))
    search = LevenbergMarquardt(problem, Support(linear.prior, "none", 0), 0.1, 0.0, run)
    assert search.minimise(torch.zeros(0, 3), 3).shape == (0, 3)


def test_reused_jacobians_draw_anew_and_leave_the_global_seed_alone(ready, linear, targets):
    linear.prior = Uniform(3, -0.1, 0.1)
    method = ready("lm", linear, budget={"search_steps": 14}, clipping="stochastic", reuse=6)
    start = draw_starts(targets, linear.prior, method.run.seed, 1)[0]
    torch.manual_seed(99)
    codes = method.invert(targets)
    assert not (codes == start).any()
    assert torch.initial_seed() == 99
