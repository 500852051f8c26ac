import pytest
import torch


@pytest.fixture
def targets():
    return torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(3)) * 0.3


@pytest.mark.parametrize("decay", ["cosine", "none"])
def test_it_moves_as_torchs_adam_does(ready, trained, digits, decay):
    x, steps = digits.val.floats(slice(0, 4)), 12
    method = ready("adam", trained, budget={"search_steps": steps}, learning_rate=0.02, decay=decay)
    z = ready("random_code", trained).invert(x).requires_grad_(True)
    adam = torch.optim.Adam([z], lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps if decay == "cosine" else 10**9)
    for _ in range(steps):
        adam.zero_grad()
        (trained.decode(z) - x).square().flatten(1).mean(1).sum().backward()
        adam.step()
        schedule.step()
    torch.testing.assert_close(method.invert(x), z.detach(), atol=2e-3, rtol=0)


def test_it_finds_the_least_squares_solution(ready, linear, targets):
    codes = ready("adam", linear, budget={"search_steps": 400}).invert(targets)
    torch.testing.assert_close(codes, linear.generator.solve(targets), atol=1e-3, rtol=0)


def test_the_best_code_counts_and_not_the_last(ready, linear, targets, error):
    """At a learning rate of 5, the last codes lie far from the solution."""
    method = ready("adam", linear, budget={"search_steps": 30}, learning_rate=5.0, decay="none")
    start = ready("random_code", linear).invert(targets)
    assert (error(linear, method.invert(targets), targets) <= error(linear, start, targets)).all()


def test_a_step_costs_a_call_and_the_end_two(ready, linear, targets):
    method = ready("adam", linear, budget={"search_steps": 9})
    before = linear.calls
    method.invert(targets)
    assert (linear.calls - before) / 12 == 9 + 2
