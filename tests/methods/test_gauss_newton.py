import pytest
import torch
from scipy.linalg import solve
from scipy.optimize import approx_fprime

from bench.core.errors import BenchError
from methods.gauss_newton import Whitened, WhitenedQuasiNewton
from methods.latent_bounds import Support
from methods.lm import TRIALS
from methods.reconstruction import LeastSquaresProblem


@pytest.fixture
def targets():
    return torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(3)) * 0.3


def whitened(linear, targets):
    """J'J is 4 I here; what is added makes matrices that are not diagonal, another for each image."""
    problem = LeastSquaresProblem(linear, targets, double=True)
    centre = torch.randn(5, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    _, slope, square = problem.normal_equations(centre)
    added = torch.randn(5, 3, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    matrix = square + added @ added.mT
    return Whitened.around(problem, centre, matrix), centre, slope, matrix


def test_a_step_down_the_gradient_is_the_damped_gauss_newton_step(linear, targets):
    white, centre, _, matrix = whitened(linear, targets)
    _, slope = white.gradient(torch.zeros_like(centre))
    moved = white.free(-slope) - centre
    _, plain = LeastSquaresProblem(linear, targets, double=True).gradient(centre)
    for step, h, g in zip(moved, matrix, plain, strict=True):
        torch.testing.assert_close(step, -torch.tensor(solve(h.numpy(), g.numpy())), atol=1e-10, rtol=1e-8)


def test_the_first_step_of_the_search_is_the_gauss_newton_step(ready, linear, targets):
    """Undamped, and from close by, one step solves a linear generator."""
    problem, solution = LeastSquaresProblem(linear, targets), linear.generator.solve(targets)
    centre = solution + 0.1 * torch.randn(5, 3, generator=torch.Generator().manual_seed(4))
    white = Whitened.around(problem, centre, problem.normal_equations(centre)[2])
    search = WhitenedQuasiNewton(white, Support(linear.prior, "none", 0), None, 1, 0.0, ready("lm", linear).run)
    found = white.free(search.minimise(torch.zeros_like(centre), 1))
    torch.testing.assert_close(found, solution, atol=1e-5, rtol=0)


def test_its_gradient_is_that_of_its_error(linear, targets):
    white, _, _, _ = whitened(linear, targets)
    v = torch.full((5, 3), 0.2, dtype=torch.float64)
    _, slope = white.gradient(v)
    part = white.part(torch.tensor([2]))
    numeric = approx_fprime(v[2].numpy(), lambda w: float(part.errors(torch.tensor(w)[None])[0]), 1e-7)
    torch.testing.assert_close(slope[2], torch.tensor(numeric), atol=1e-5, rtol=1e-5)


def test_an_image_without_a_positive_matrix_keeps_its_own_coordinates(linear, targets):
    problem = LeastSquaresProblem(linear, targets)
    matrix = torch.stack([torch.zeros(3, 3), *[4 * torch.eye(3)] * 4])
    white = Whitened.around(problem, torch.zeros(5, 3), matrix)
    v = torch.ones(5, 3)
    torch.testing.assert_close(white.free(v), torch.tensor([[1.0], [0.5], [0.5], [0.5], [0.5]]).expand(5, 3))


def test_reuse_costs_no_jacobian(ready, linear, targets, monkeypatch):
    """Seven steps are one Jacobian and six gradients; without reuse every step that moved has its own."""
    counts = []
    plain = LeastSquaresProblem.normal_equations

    def counting(self, u):
        counts.append(len(u))
        return plain(self, u)

    monkeypatch.setattr(LeastSquaresProblem, "normal_equations", counting)
    options = {"kind": "refiner", "budget": {"refine_steps": 7}, "damping": 100.0, "tolerance": 0.0}
    ready("lm", linear, reuse=6, **options).refine(targets, torch.zeros(5, 3))
    assert counts == [5]
    counts.clear()
    ready("lm", linear, reuse=0, **options).refine(targets, torch.zeros(5, 3))
    assert sum(counts) > 5


def test_steps_that_reuse_a_jacobian_go_on_where_it_ended(ready, linear, targets):
    """One damped step leaves a known share of the distance; the steps after it leave next to none."""
    options = {"kind": "refiner", "damping": 100.0, "tolerance": 0.0}
    solution = linear.generator.solve(targets)
    one = ready("lm", linear, reuse=6, budget={"refine_steps": 1}, **options).refine(targets, torch.zeros(5, 3))
    least = 100.0 * TRIALS[0]
    torch.testing.assert_close(one, solution / (1 + least), atol=1e-4, rtol=1e-3)
    seven = ready("lm", linear, reuse=6, budget={"refine_steps": 7}, **options).refine(targets, torch.zeros(5, 3))
    torch.testing.assert_close(seven, solution, atol=1e-3, rtol=0)


def test_an_image_is_inverted_alone_as_in_a_batch(ready, trained, own):
    x = own[1][:6]
    method = ready("lm", trained, budget={"search_steps": 12}, reuse=5)
    torch.testing.assert_close(method.invert(x)[3:4], method.invert(x[3:4]), atol=5e-3, rtol=0)


def test_fewer_than_no_steps_are_refused(ready, linear):
    with pytest.raises(BenchError, match="reuse = -1 must be at least 0"):
        ready("lm", linear, reuse=-1)
