"""Searches in a batch against the same work one image at a time; ratios within one run, in processor time."""

import time

import pytest
import torch
from scipy.optimize import minimize

from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget
from bench.gans.dcgan import DCGAN
from methods.latent_bounds import draw_starts

IMAGES, ALONE, STEPS = 64, 2, 6


@pytest.fixture(scope="module")
def gan():
    """At width 8, where calls dominate; a wide generator keeps a core busy with a single image."""
    torch.manual_seed(0)
    return DCGAN(width=8, code_dim=16).build((1, 28, 28), "cpu").freeze()


@pytest.fixture(scope="module")
def images(gan):
    with torch.no_grad():
        return gan.decode(gan.prior.sample(IMAGES, torch.Generator().manual_seed(1)))


def made(name, gan, **options):
    method = create("method", name, {"tolerance": 0.0, **options})
    method.gan, method.run = gan, RunContext(Budget("bench", 0, 0, 0, 0, 0, STEPS, 0, 600.0), 0)
    method.build()
    return method


def seconds(work, *arguments):
    started = time.process_time()
    work(*arguments)
    return time.process_time() - started


def one_by_one(method, images):
    for image in images.split(1):
        method.invert(image)


def with_scipy(gan, images):
    """SciPy's L-BFGS, an image at a time, as many iterations from the same codes."""
    starts = draw_starts(images, gan.prior, 0, 1)[0].double().numpy()
    for image, start in zip(images.split(1), starts, strict=True):

        def loss(code, image=image):
            z = torch.tensor(code, dtype=torch.float32)[None].requires_grad_(True)
            error = (gan.decode(z) - image).square().sum() / 2
            (slope,) = torch.autograd.grad(error, z)
            return float(error.detach()), slope[0].double().numpy()

        minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})


def compare(benchmark, together, alone, images, what):
    """The batch is timed by pytest-benchmark; the least of three ratios' parts is kept beside it."""
    together(images[:ALONE]), alone(images[:1])  # first calls choose kernels
    batched, single = [], []
    for _ in range(3):  # in turn, so that other work on the machine meets both
        batched.append(seconds(together, images) / len(images))
        single.append(seconds(alone, images[:ALONE]) / ALONE)
    benchmark.pedantic(together, (images,), rounds=1)
    benchmark.extra_info[what] = min(single) / min(batched)
    return min(single) / min(batched)


def test_batched_lbfgs_against_a_loop_over_scipys(benchmark, one_thread, gan, images):
    method = made("lbfgs", gan, probes=0)
    assert compare(benchmark, method.invert, lambda x: with_scipy(gan, x), images, "scipy over batched") > 2


def test_batched_lbfgs_against_its_images_one_by_one(benchmark, one_thread, gan, images):
    method = made("lbfgs", gan, probes=0)
    ratio = compare(benchmark, method.invert, lambda x: one_by_one(method, x), images, "one by one over batched")
    assert ratio > 3


def test_batched_levenberg_marquardt_against_its_images_one_by_one(benchmark, one_thread, gan, images):
    """A Jacobian is a batch by itself, so that less is left to gain than with gradients."""
    method = made("lm", gan)
    ratio = compare(benchmark, method.invert, lambda x: one_by_one(method, x), images, "one by one over batched")
    assert ratio > 1.2
