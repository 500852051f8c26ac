"""What every search owes: restarts, supports, images on their own, counted calls, and a way out of NaN."""

import math
import time
from functools import partial

import pytest
import torch
from scipy import stats
from torch import nn

from bench.core.errors import BenchError, CellTimeout, ImagesDiverged, NotApplicable
from bench.core.options import create
from bench.core.types import Gan
from bench.gans.condition_prior import ConditionPrior
from bench.gans.priors import Normal, Uniform, image_noise
from methods.latent_bounds import Support, draw_starts
from methods.reconstruction import LeastSquaresProblem

SEARCHES = ["adam", "lbfgs", "lm", "cma"]
FEW = {"search_steps": 6, "refine_steps": 6}
FLOOR = 0.3
"""Share of the best random code's error that a search of four starts has to undercut."""
CHEAP = {"lbfgs": {"probes": 64}, "cma": {"probes": 64, "generations": 2}}


@pytest.fixture(params=SEARCHES)
def name(request):
    return request.param


@pytest.fixture
def targets():
    return torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(3)) * 0.3


class Cliff(nn.Module):
    """The linear generator; where the first number of a code exceeds ``edge``, its image is not a number."""

    def __init__(self, linear, edge):
        super().__init__()
        self.linear, self.edge = linear, edge

    def forward(self, z):
        return torch.where((z[:, 0] > self.edge)[:, None, None, None], torch.nan, self.linear(z))


# ----------------------------------------------------------------------------------------- every search


def test_it_comes_far_below_the_best_of_random_codes(name, ready, trained, own, error):
    x = own[1][:12]
    floor = error(trained, ready("best_of_random", trained, count=200).invert(x), x).mean()
    method = ready(name, trained, budget={"search_steps": 60}, starts=4, **CHEAP.get(name, {}))
    before = trained.checksum()
    found = method.invert(x)
    assert error(trained, found, x).mean() < FLOOR * floor
    assert not found.requires_grad
    assert trained.checksum() == before


@pytest.mark.parametrize("name", ["adam", "lbfgs"])
def test_a_gradient_of_the_wrong_sign_does_not_pass_for_a_search(name, ready, trained, own, error, monkeypatch):
    x, right = own[1][:12], LeastSquaresProblem.gradient

    def wrong(self, u):
        f, slope = right(self, u)
        return f, -slope

    monkeypatch.setattr(LeastSquaresProblem, "gradient", wrong)
    floor = error(trained, ready("best_of_random", trained, count=200).invert(x), x).mean()
    method = ready(name, trained, budget={"search_steps": 60}, starts=4, **CHEAP.get(name, {}))
    assert error(trained, method.invert(x), x).mean() > FLOOR * floor


def test_a_search_for_the_negative_does_not_pass_for_one(name, ready, trained, own, error, monkeypatch):
    x, right = own[1][:4], LeastSquaresProblem.__post_init__

    def negated(self):
        right(self)
        self.targets = -self.targets

    floor = error(trained, ready("best_of_random", trained, count=200).invert(x), x).mean()
    monkeypatch.setattr(LeastSquaresProblem, "__post_init__", negated)
    method = ready(name, trained, budget={"search_steps": 60}, starts=4, **CHEAP.get(name, {}))
    assert error(trained, method.invert(x), x).mean() > floor


def test_an_image_is_inverted_alone_as_in_a_batch(name, ready, trained, digits):
    x = digits.val.floats(slice(0, 5))
    method = ready(name, trained, budget=FEW, **CHEAP.get(name, {}))
    alone = torch.cat([method.invert(one[None]) for one in x])
    torch.testing.assert_close(alone, method.invert(x), atol=5e-3, rtol=0)


def test_the_same_seed_gives_the_same_bits(name, ready, trained, digits):
    x = digits.val.floats(slice(0, 4))
    options = CHEAP.get(name, {})
    first, again, other = (ready(name, trained, seed, budget=FEW, **options).invert(x) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_more_starts_are_never_worse(name, ready, trained, digits, error):
    x = digits.val.floats(slice(0, 8))
    errors = [
        error(trained, ready(name, trained, budget=FEW, starts=n, **CHEAP.get(name, {})).invert(x), x) for n in (1, 3)
    ]
    assert (errors[1] <= errors[0] + 1e-6).all()
    assert (errors[1] < errors[0] - 1e-4).any()


@pytest.mark.parametrize("clipping", ["project", "stochastic"])
def test_codes_stay_in_a_bounded_support(name, clipping, ready, linear, targets):
    linear.prior = Uniform(3, -0.1, 0.1)
    method = ready(name, linear, budget={"search_steps": 20}, clipping=clipping, **CHEAP.get(name, {}))
    codes = method.invert(targets)
    assert torch.equal(linear.prior.project(codes), codes)
    free = ready(name, linear, budget={"search_steps": 200}, **CHEAP.get(name, {})).invert(targets)
    assert (free.abs() > 0.1).any(), "the bounds should matter"


def test_codes_on_the_sphere_have_the_norm_of_the_prior(name, ready, linear, targets):
    codes = ready(name, linear, budget=FEW, sphere=True, **CHEAP.get(name, {})).invert(targets)
    torch.testing.assert_close(codes.norm(dim=1), torch.full((12,), math.sqrt(3)))


def test_the_sphere_needs_a_normal_prior(name, ready, linear, targets):
    linear.prior = Uniform(3)
    with pytest.raises(NotApplicable, match=r"sphere = true needs a normal prior; this GAN's is uniform"):
        ready(name, linear, sphere=True, **CHEAP.get(name, {})).invert(targets)


def test_an_image_whose_search_leaves_the_numbers_harms_no_other(name, ready, linear, targets):
    gan = Gan(Cliff(linear.generator, 4.0), None, linear.prior, linear.image_shape)
    x = targets.clone()
    x[4] = linear.generator(torch.tensor([[9.0, 0.0, 0.0]]))[0]
    method = (
        ready(name, gan, budget={"search_steps": 300}, learning_rate=0.3)
        if name == "adam"
        else ready(name, gan, budget={"search_steps": 40}, **CHEAP.get(name, {}))
    )
    codes = method.invert(x)
    assert codes.isfinite().all()
    assert gan.decode(codes).isfinite().all()
    others = torch.arange(12) != 4
    torch.testing.assert_close(codes[others], linear.generator.solve(x)[others], atol=5e-3, rtol=0)


def test_a_generator_without_numbers_leaves_every_image_its_start(name, ready, linear, targets):
    gan = Gan(Cliff(linear.generator, -math.inf), None, linear.prior, linear.image_shape)
    method, seen = ready(name, gan, budget={"search_steps": 10}, **CHEAP.get(name, {})), []
    method.run.progress = lambda what, step, steps, figures: seen.append(figures["diverged"])
    with pytest.warns(ImagesDiverged, match="12 of 12 images diverged"):
        found = method.invert(targets)
    assert torch.equal(found, draw_starts(targets, gan.prior, method.run.seed, 1)[0])
    assert not seen or seen[-1] == 12
    assert method.run.diverged == 12


def test_a_search_that_starts_at_the_answer_has_not_diverged(name, ready, linear):
    codes = linear.prior.sample(3, torch.Generator().manual_seed(0))
    refiner = ready(name, linear, **CHEAP.get(name, {}), tolerance=0.0)
    refiner.solve(linear.generator(codes), codes, 3)
    assert refiner.run.diverged == 0


def test_it_computes_in_float64_and_answers_in_float32(name, ready, linear, targets):
    method = ready(name, linear, budget={"search_steps": 250}, precision="float64", **CHEAP.get(name, {}))
    codes = method.invert(targets)
    assert codes.dtype == torch.float32
    assert linear.generator.a.dtype == torch.float32
    torch.testing.assert_close(codes, linear.generator.solve(targets), atol=2e-3, rtol=0)


def test_it_stops_at_the_deadline(name, ready, linear, targets):
    method = ready(name, linear, **CHEAP.get(name, {}))
    method.run.deadline = time.monotonic() - 1
    with pytest.raises(CellTimeout, match=f"{name}: out of time at step 0"):
        method.invert(targets)


@pytest.mark.parametrize("space", ["w", "w+"])
def test_it_searches_styles_and_counts_for_the_whole_gan(name, space, ready, error):
    torch.manual_seed(0)
    gan = create("gan", "stylegan", {"width": 4, "code_dim": 3}).build((1, 32, 32), "cpu").freeze()
    view = gan.view(space)
    with torch.no_grad():
        x = gan.decode(gan.prior.sample(2, torch.Generator().manual_seed(1)))
    method = ready(name, view, budget=FEW, space=space, **CHEAP.get(name, {}))
    assert method.capacity == space
    gan.calls = view.calls = 0
    codes = method.invert(x)
    assert gan.calls == view.calls > 0
    start = draw_starts(x, view.prior, method.run.seed, 1)[0]
    assert (error(view, codes, x) < error(view, start, x)).all()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adam", {"learning_rate": 0.0}, "learning_rate = 0.0"),
        ("adam", {"starts": 0}, "starts = 0"),
        ("adam", {"clipping": "clip"}, "clipping"),
        ("adam", {"tolerance": -1.0}, "tolerance"),
        ("lbfgs", {"history": 0}, "history = 0"),
        ("lbfgs", {"damping": 0.0}, "damping"),
        ("lbfgs", {"stretch": 1.0}, "stretch = 1.0"),
        ("lm", {"damping": -1.0}, "damping"),
        ("cma", {"population": 3}, "population = 3"),
        ("cma", {"spread": 0.0}, "spread"),
    ],
)
def test_wrong_options_are_refused(name, options, message):
    with pytest.raises(BenchError, match=message):
        create("method", name, options)


# ----------------------------------------------------------------------------------------- refiners


@pytest.mark.parametrize("name", ["lbfgs", "lm"])
def test_a_refiner_is_the_search_of_its_name_from_other_codes(name, ready, trained, digits):
    x, options = digits.val.floats(slice(0, 6)), CHEAP.get(name, {})
    method = ready(name, trained, budget=FEW, **options)
    start = draw_starts(x, trained.prior, method.run.seed, 1)[0]
    given = start.clone()
    refined = ready(name, trained, kind="refiner", budget=FEW, **options).refine(x, start)
    assert torch.equal(refined, method.invert(x))
    assert torch.equal(start, given)


@pytest.mark.parametrize("name", ["lbfgs", "lm"])
def test_a_refiner_takes_its_own_number_of_steps(name, ready, trained, digits):
    x = digits.val.floats(slice(0, 3))
    codes = trained.prior.sample(3, torch.Generator().manual_seed(0))
    refiner = ready(name, trained, kind="refiner", budget={"refine_steps": 0}, **CHEAP.get(name, {}))
    assert torch.equal(refiner.refine(x, codes), codes)


# ----------------------------------------------------------------------------------------- starts, supports


def test_starts_are_different_draws_of_the_prior(digits):
    x = digits.train.floats(slice(0, 200))
    starts = draw_starts(x, Uniform(6), 3, 4)
    assert torch.equal(starts[:2], draw_starts(x, Uniform(6), 3, 2))
    assert torch.equal(starts[0], Uniform(6).from_uniform(image_noise(x, 3, 6)))
    assert stats.kstest(starts.flatten().numpy(), stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert abs(stats.pearsonr(starts[0].flatten(), starts[1].flatten()).statistic) < 0.1


def test_stochastic_clipping_draws_anew_only_what_left(digits):
    x = digits.val.floats(slice(0, 50))
    support, z = Support(Uniform(6), "stochastic", 5), torch.randn(50, 6, generator=torch.Generator().manual_seed(2))
    placed, outside = support.place(z, x, 7), z.abs() > 1
    assert torch.equal(placed[~outside], z[~outside])
    assert (placed[outside].abs() < 1).all()
    assert placed[outside].std() > 0.4
    assert torch.equal(support.place(z[3:4], x[3:4], 7), placed[3:4])
    assert not torch.equal(support.place(z, x, 8), placed)


def test_a_bound_holds_only_what_pushes_against_it(digits):
    x = digits.val.floats(slice(0, 1))
    support = Support(Uniform(4), "project", 0)
    z, slope = torch.tensor([[1.0, 1.0, -1.0, 0.2]]), torch.tensor([[-1.0, 1.0, 1.0, -1.0]])
    assert support.movable(z, slope).tolist() == [[False, True, False, True]]
    assert torch.equal(support.place(z * 2, x, 0), torch.tensor([[1.0, 1.0, -1.0, 0.4]]))
    assert Support(Normal(4), "project", 0).movable(z, slope).all()
    assert Support(Uniform(4), "none", 0).movable(z, slope) is None


def test_the_condition_of_a_projected_search_stays_a_row_of_the_table():
    prior = ConditionPrior(Uniform(2), 3)
    support = Support(prior, "project", 0)
    z = torch.tensor([[0.3, 0.4, 0.0, 1.0, 0.0]])
    assert support.movable(z, torch.ones(1, 5)).tolist() == [[True, True, False, False, False]]


# ----------------------------------------------------------------------------------------- the problem


@pytest.mark.parametrize("options", [{}, {"stretch": 0.9}, {"double": True}, {"sphere": True}])
def test_gradients_and_normal_equations_are_those_of_autograd(trained, own, options):
    u, x = own[0][:3] * 0.7, own[1][3:6]
    problem = LeastSquaresProblem(trained, x, **options)
    u = u.to(problem.dtype)
    f, slope = problem.gradient(u)
    again, gradient, square = problem.normal_equations(u)
    one = [LeastSquaresProblem(trained, x[i : i + 1], **options) for i in range(3)]
    jacobian = partial(torch.autograd.functional.jacobian, vectorize=True)
    jacobians = [jacobian(p.pixels, u[i : i + 1])[0, :, 0] for i, p in enumerate(one)]
    torch.testing.assert_close(square, torch.stack([j.T @ j for j in jacobians]), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(gradient, slope, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(f, again, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(f, problem.errors(u), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("double", [False, True])
def test_no_batch_norm_is_computed_and_the_images_are_those_of_the_gan(trained, own, double, monkeypatch):
    made = trained.decode(own[0][:5])
    monkeypatch.setattr(nn.BatchNorm2d, "forward", None)
    problem = LeastSquaresProblem(trained, own[1][:5], double=double)
    u = own[0][:5].to(problem.dtype)
    problem.gradient(u)
    problem.normal_equations(u)
    torch.testing.assert_close(problem.pixels(u).float(), made.flatten(1), rtol=1e-4, atol=1e-5)


def test_stretched_pixels_are_never_nearer_than_plain_ones(trained, own):
    u, x = own[0][:20], own[1][20:40]
    plain, stretched = LeastSquaresProblem(trained, x), LeastSquaresProblem(trained, x, stretch=0.9)
    assert (stretched.errors(u) >= plain.errors(u)).all()
    assert (LeastSquaresProblem(trained, own[1][:20], stretch=0.9).errors(u) < 1e-6).all()


def test_every_call_of_the_generator_is_counted(trained, own):
    for double in (False, True):
        problem = LeastSquaresProblem(trained, own[1][:5], double=double)
        u, counts = own[0][:5].to(problem.dtype), []
        for work in (problem.errors, problem.gradient, problem.normal_equations):
            before = trained.calls
            work(u)
            counts.append(trained.calls - before)
        assert counts == [5, 5, 5 * (1 + 6)]


def test_a_generator_without_forward_mode_is_served_by_lbfgs_alone(ready, linear, targets):
    class Backward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            return z * 1

        @staticmethod
        def backward(ctx, g):
            return g

    class Wrapped(nn.Module):
        def forward(self, z):
            return linear.generator(Backward.apply(z))

    gan = Gan(Wrapped(), None, linear.prior, linear.image_shape)
    with pytest.raises(NotApplicable, match=r"no forward-mode derivatives .* use lbfgs"):
        ready("lm", gan)
    codes = ready("lbfgs", gan, probes=64).invert(targets)
    torch.testing.assert_close(codes, linear.generator.solve(targets), atol=1e-3, rtol=0)
