import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.distance import cdist

from bench.applications.masked import MaskedGan
from bench.core.errors import BenchError
from bench.core.options import create


def test_random_codes_follow_the_prior_and_belong_to_the_image(ready, trained, digits):
    method = ready("random_code", trained)
    x = digits.train.floats(slice(0, 500))
    codes = method.invert(x)
    assert stats.kstest(codes.flatten().numpy(), stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert torch.equal(torch.cat([method.invert(one[None]) for one in x[:5]]), codes[:5])
    assert not torch.equal(ready("random_code", trained, seed=2).invert(x), codes)


def test_best_of_random_is_the_exact_nearest_neighbour(ready, trained, digits):
    method = ready("best_of_random", trained, count=600)
    x = digits.val.floats(slice(0, 20))
    found = method.invert(x)
    _, codes, images = method._bank
    distances = cdist(x.flatten(1).double().numpy(), images.double().numpy(), "sqeuclidean")
    np.testing.assert_array_equal(found.numpy(), codes.numpy()[distances.argmin(1)])
    assert len(set(distances.argmin(1) // 250)) > 1, "the nearest images should lie in several chunks"


def test_best_of_random_looks_at_the_images_of_the_gan_at_hand(ready, trained, digits):
    """A search of visible pixels sees other images of the same codes; what it kept is of no use afterwards."""
    method, x = ready("best_of_random", trained, count=40), digits.val.floats(slice(0, 8))
    right = method.invert(x)
    hidden = torch.zeros(1, *x.shape[2:], dtype=torch.bool)
    hidden[:, :4] = True
    method.gan = MaskedGan(trained, hidden, 0.0)
    assert not torch.equal(method.invert(x), right)
    method.gan = trained
    assert torch.equal(method.invert(x), right)


def test_best_of_random_decodes_once_and_ignores_batch_mates(ready, trained, digits):
    method = ready("best_of_random", trained, count=40)
    x = digits.val.floats(slice(0, 6))
    calls = trained.calls
    together = method.invert(x)
    assert torch.equal(torch.cat([method.invert(one[None]) for one in x]), together)
    assert trained.calls - calls == 40


def test_more_random_codes_come_nearer(ready, trained, digits, error):
    x = digits.val.floats(slice(0, 32))
    errors = [error(trained, ready("best_of_random", trained, count=n).invert(x), x).mean() for n in (1, 20, 400)]
    assert errors[0] > errors[1] > errors[2]


def test_the_nearest_of_its_own_images_is_itself(ready, trained):
    method = ready("best_of_random", trained, count=30)
    method.invert(torch.zeros(1, 1, 28, 28))
    _, codes, images = method._bank
    assert torch.equal(method.invert(images.view(30, 1, 28, 28)), codes)


def test_controls_say_what_they_are():
    assert all(create("method", name).control for name in ("random_code", "best_of_random"))
    with pytest.raises(BenchError, match="count = 0"):
        create("method", "best_of_random", {"count": 0})
