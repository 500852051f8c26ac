"""Coupling of images is told from rounding by comparison with the method's own rounding."""

import pytest
import torch

from bench.harness.coupling import FLOOR, change, coupling, repeats

SAMPLE, FIRST, SECOND = torch.rand(3, 8, 1, 4, 4, generator=torch.Generator().manual_seed(0)).unbind()


def alone(images):
    return images.flatten(1).tanh()


def mixing(share):
    return lambda images: alone(images) + share * alone(images).mean(0)


def chaotic(images):
    """Each code depends on its image alone, but on the last bits of it: forty steps of the logistic map."""
    x = images.flatten(1).double().clamp(0.01, 0.99)
    rounding = images.double().sum() * 1e-15  # as another order of sums in a matrix product
    for _ in range(40):
        x = 4 * (x + rounding).clamp(0, 1) * (1 - (x + rounding).clamp(0, 1))
    return x.float()


def test_images_that_are_inverted_each_on_its_own_pass():
    assert coupling(alone, SAMPLE, FIRST, SECOND) == ""


@pytest.mark.parametrize("share", [0.015, 1.0])
def test_a_share_of_the_batch_s_mean_is_found_and_its_size_is_told(share):
    fault = coupling(mixing(share), SAMPLE, FIRST, SECOND)
    codes = [mixing(share)(torch.cat([SAMPLE, companions]))[:8] for companions in (FIRST, SECOND)]
    apart = (codes[1] - codes[0]).norm(dim=1) / codes[0].norm(dim=1)
    assert fault.startswith(f"codes change by {apart.quantile(0.75):.2g} (relative) with other images in the batch")


def test_order_within_the_batch_is_found():
    def ranks(images):
        return images.flatten(1).sum(1).argsort().argsort().float()[:, None].expand(-1, 3)

    assert coupling(ranks, SAMPLE, FIRST, SECOND)


def test_a_search_that_amplifies_rounding_is_not_refused():
    """Its codes change by other companions, as much as by changes of pixels far below a grey level."""
    plain = chaotic(torch.cat([SAMPLE, FIRST]))[:8]
    assert change(chaotic(torch.cat([SAMPLE, SECOND]))[:8], plain) > 100 * FLOOR
    assert coupling(chaotic, SAMPLE, FIRST, SECOND) == ""


@pytest.mark.parametrize(("rounding", "is_coupled"), [(0.0021, False), (0.0019, True)])
def test_ten_times_the_rounding_is_the_bound(rounding, is_coupled):
    """Changes by other companions, by their order, and by pixels far below a grey level, in this order."""
    changes = iter([0.0, 0.02, rounding, 0.0])
    fault = coupling(lambda images: torch.full((len(images), 3), 1 + next(changes)), SAMPLE, FIRST, SECOND)
    assert bool(fault) == is_coupled


def test_single_images_that_fall_elsewhere_do_not_decide():
    """A quarter of the sample may differ; the change is that which the others do not reach."""
    plain = torch.ones(8, 3)
    other = plain.clone()
    other[0] = 5.0
    assert change(other, plain) == 0.0
    other[:3] = 5.0
    assert change(other, plain) == pytest.approx(4.0)


def test_other_codes_from_the_same_seed_are_found():
    numbers = iter(range(9))
    assert repeats(alone, alone, SAMPLE) == ""
    assert repeats(alone, lambda images: alone(images) + 0.01 * next(numbers), SAMPLE) == ""
    assert repeats(alone, lambda images: alone(images) + 0.01 * next(numbers), SAMPLE).startswith("codes differ by")
