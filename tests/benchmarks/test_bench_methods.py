import time

import pytest
import torch

from bench.contracts import Budget
from bench.gans.dcgan import DCGAN
from bench.loop import Run
from bench.options import create

IMAGES, ALONE, STEPS = 256, 4, 5


@pytest.fixture
def gradient():
    torch.manual_seed(0)
    method = create("method", "gradient", {"rec": "mse"})
    method.gan = DCGAN(width=8, code_dim=16).build((1, 28, 28), "cpu").freeze()
    method.run = Run(Budget("bench", 0, 0, 0, 0, 0, STEPS, 0, 600.0), 0)
    method.build()
    return method


def test_a_batch_is_inverted_ten_times_faster_than_its_images_one_by_one(benchmark, gradient):
    x = torch.rand(IMAGES, 1, 28, 28) * 2 - 1
    for size in (1, IMAGES):
        gradient.invert(x[:size])  # first calls choose kernels
    times = []
    for _ in range(3):
        started = time.perf_counter()
        for image in x[:ALONE]:
            gradient.invert(image[None])
        times.append(time.perf_counter() - started)
    one_by_one = min(times) * IMAGES / ALONE
    benchmark.pedantic(gradient.invert, (x,), rounds=3)
    benchmark.extra_info["one_by_one_seconds"] = one_by_one
    assert one_by_one > 10 * benchmark.stats.stats.min
