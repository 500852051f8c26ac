import math

import pytest
import torch

from methods.cma import BatchedCMAES, Rates


@pytest.fixture
def images():
    return torch.rand(7, 1, 4, 4, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("diagonal", [True, False])
def test_evolution_finds_the_least_of_a_stretched_bowl(images, diagonal):
    centre = torch.linspace(-1, 1, 7)[:, None].expand(-1, 5)
    widths = torch.tensor([1.0, 3.0, 10.0, 1.0, 3.0])
    search = BatchedCMAES(images, torch.zeros(7, 5), 0.5, 10, diagonal, seed=3)
    for _ in range(150):
        codes = search.draw()
        assert codes.shape == (7, 10, 5)
        search.learn(((codes - centre[:, None]) * widths).square().sum(2))
    torch.testing.assert_close(search.mean, centre, atol=1e-2, rtol=0)


def test_a_full_covariance_learns_a_rotated_bowl_that_a_diagonal_one_does_not(images):
    rotation = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(2))).Q
    left = {}
    for diagonal in (True, False):
        search = BatchedCMAES(images, torch.ones(7, 5), 0.5, 10, diagonal, seed=3)
        for _ in range(150):
            codes = search.draw()
            search.learn((codes @ rotation * torch.tensor([1.0, 1.0, 30.0, 30.0, 30.0])).square().sum(2))
        left[diagonal] = search.mean.norm(dim=1).median()
    assert left[False] < 0.1 * left[True]


def test_draws_belong_to_an_image_and_a_generation(images):
    search, alone = (BatchedCMAES(x, torch.zeros(len(x), 3), 1.0, 500, True, 0) for x in (images, images[2:3]))
    first = search.draw()
    torch.testing.assert_close(alone.draw()[0], first[2])
    assert abs(float(first.mean())) < 0.05
    assert float(first.std()) == pytest.approx(1, abs=0.03)
    search.generation = 1
    assert not torch.equal(search.draw(), first)


def test_infinite_errors_rank_last(images):
    search = BatchedCMAES(images, torch.zeros(7, 3), 1.0, 60, True, 0)
    codes = search.draw()
    errors = torch.where(codes[:, :, 0] > 1, torch.inf, -codes[:, :, 0])
    search.learn(errors)
    assert (search.mean[:, 0] > 0).all()
    assert (search.mean[:, 0] < 1).all()


def test_the_constants_are_those_of_the_tutorial():
    """Hansen 2016, table 1, worked by hand for d = 10 and a population of 10."""
    rates = Rates.of(10, 10, diagonal=False)
    raw = [math.log(5.5) - math.log(i) for i in range(1, 6)]
    effective = sum(raw) ** 2 / sum(w * w for w in raw)
    assert rates.effective == pytest.approx(effective)
    assert rates.weights.tolist() == pytest.approx([w / sum(raw) for w in raw])
    assert rates.sigma == pytest.approx((effective + 2) / (15 + effective))
    assert rates.one == pytest.approx(2 / (11.3**2 + effective))
    assert rates.many == pytest.approx(2 * (effective - 2 + 1 / effective) / (144 + effective))


@pytest.mark.parametrize("options", [{"covariance": "full"}, {"inner": 3}, {"population": 6}])
def test_its_start_comes_nearer_than_a_random_code(ready, trained, own, error, options):
    x = own[1][:8]
    floor = error(trained, ready("random_code", trained).invert(x), x)
    method = ready("cma", trained, budget={"search_steps": 20}, probes=0, **options)
    start = method._evolve(x, ready("random_code", trained).invert(x), 10)
    assert (error(trained, start, x) < floor).all()
    assert error(trained, start, x).mean() < 0.7 * floor.mean()


def test_a_generation_costs_its_population(ready, linear):
    x = torch.zeros(5, 1, 4, 4)
    method = ready("cma", linear, probes=0, population=6)
    before = linear.calls
    method._evolve(x, torch.zeros(5, 3), 4)
    assert (linear.calls - before) / 5 == 1 + 4 * 6
