"""Amortised inversion against the bare network, work that a fit does not repeat, the cost of Levenberg-Marquardt."""

import time

import pytest
import torch

from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, FitData, Images
from bench.gans.checkpoints import load_gan
from bench.gans.dcgan import DCGAN
from bench.gans.networks import Trunk
from bench.gans.zoo import shipped_gans

IMAGES, BATCH, WIDTH = 256, 32, 24
SEARCHED, SEARCH_STEPS, OWN = 6, 40, 16


def made(name, gan, steps=0, **options):
    method = create("method", name, options)
    method.gan, method.run = gan, RunContext(Budget("bench", 0, 0, 0, 0, steps, SEARCH_STEPS, 0, 600.0), 0)
    method.build()
    return method


@pytest.fixture(scope="module")
def gan():
    torch.manual_seed(0)
    return DCGAN(width=WIDTH, code_dim=128).build((1, 28, 28), "cpu").freeze()


@pytest.fixture(scope="module")
def images():
    return torch.rand(IMAGES, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1


def seconds(work, *arguments):
    started = time.process_time()
    with torch.no_grad():
        work(*arguments)
    return time.process_time() - started


def least_ratio(work, bare, x):
    """Processor seconds of the work over those of the bare network, the least of each, in turn."""
    with torch.no_grad():
        work(x), bare(x)
    times = [(seconds(work, x), seconds(bare, x)) for _ in range(5)]
    return min(t for t, _ in times) / min(t for _, t in times)


def check(benchmark, work, bare, x):
    """The work gives what the bare network gives, and takes less than 1.5 times its processor seconds."""
    with torch.no_grad():
        torch.testing.assert_close(work(x[:8]), bare(x[:8]), atol=1e-4, rtol=1e-4)
    ratio = least_ratio(work, bare, x)
    benchmark.pedantic(work, (x,), rounds=3)
    benchmark.extra_info["over the bare network"] = ratio
    benchmark.extra_info["images a second"] = len(x) / benchmark.stats.stats.min
    assert ratio < 1.5


@pytest.mark.benchmark(timer=time.process_time)
def test_dfi_against_its_two_networks(benchmark, one_thread, gan, images):
    method = made("dfi", gan)
    stages = list(gan.discriminator.trunk.stages.values())
    connection = method.network.eval().layers

    def bare(x):
        for stage in stages:
            x = stage(x)
        return connection(x.flatten(1))

    check(benchmark, method.invert, bare, images)


@pytest.mark.benchmark(timer=time.process_time)
def test_an_encoder_against_its_network(benchmark, one_thread, gan, images):
    method = made("enc_image", gan)
    check(benchmark, method.invert, method.network.eval(), images)


@pytest.mark.benchmark(timer=time.process_time)
def test_invgans_encoder_against_its_discriminator(benchmark, one_thread, images):
    torch.manual_seed(0)
    model = create("gan", "invgan", {"width": 16}).build((1, 28, 28), "cpu").freeze()
    method = made("encoder", model.view("w"), space="w")
    check(benchmark, method.invert, model.discriminator.encode, images)


@pytest.fixture
def looked(monkeypatch):
    """How many images a discriminator's trunk was shown."""
    counts = []
    plain = Trunk.features

    def counting(self, x, layers):
        counts.append(len(x))
        return plain(self, x, layers)

    monkeypatch.setattr(Trunk, "features", counting)
    return counts


@pytest.mark.parametrize("steps", [12, 24])
def test_a_fit_on_training_images_looks_at_each_once(steps, looked, gan, images):
    method = made("dfi_image", gan, steps, batch=BATCH, width=128)
    looked.clear()
    train = Images(((images + 1) * 127.5).round().byte())
    before = gan.calls
    method.fit(FitData("drawn", train, train.first(8)))
    assert sum(looked) == IMAGES + 1  # one more tells how many features there are
    assert gan.calls - before == steps * BATCH


def test_a_fit_on_generated_images_makes_and_sees_each_once(looked, gan, images):
    method = made("dfi", gan, 5, batch=BATCH, width=128)
    looked.clear()
    before = gan.calls
    train = Images(((images[:8] + 1) * 127.5).round().byte())
    method.fit(FitData("drawn", train, train))
    assert sum(looked) == gan.calls - before == 5 * BATCH


@pytest.mark.benchmark(timer=time.process_time)
def test_a_step_of_levenberg_marquardt_costs_a_fifth_of_a_jacobian(benchmark, one_thread, gan):
    """A Jacobian is 1 + d forward passes; the textbook's search computes one in every step."""
    with torch.no_grad():
        x = gan.decode(gan.prior.sample(SEARCHED, torch.Generator().manual_seed(1)))
        codes = gan.prior.sample(IMAGES, torch.Generator().manual_seed(2))
        gan.generator(codes)
    method = made("lm", gan, tolerance=0.0)
    forward = min(seconds(gan.generator, codes) for _ in range(3)) / IMAGES
    before = gan.calls
    benchmark.pedantic(method.invert, (x,), rounds=1)
    calls, spent = (gan.calls - before) / SEARCHED, benchmark.stats.stats.min / SEARCHED
    benchmark.extra_info["s for 256 images on two cores"] = 256 * spent / 2
    benchmark.extra_info["seconds a call over a forward pass"] = spent / calls / forward
    assert calls / SEARCH_STEPS < (1 + gan.code_dim) / 10
    benchmark.extra_info["seconds a step over a Jacobian"] = spent / SEARCH_STEPS / ((1 + gan.code_dim) * forward)
    assert spent / SEARCH_STEPS < (1 + gan.code_dim) * forward / 5  # a twelfth seen


@pytest.mark.benchmark(timer=time.process_time)
def test_levenberg_marquardt_finds_own_images_of_a_trained_gan(benchmark, one_thread):
    """Until an image is found to 1e-6, in forward passes of the same generator at the batch size that suits it."""
    gan = load_gan(shipped_gans()["fashion-mnist/dcgan"]).freeze()
    with torch.no_grad():
        x = gan.decode(gan.prior.sample(OWN, torch.Generator().manual_seed(1)))
        codes = gan.prior.sample(IMAGES, torch.Generator().manual_seed(2))
    method = made("lm", gan, stretch=0.9)
    method.run = RunContext(Budget("bench", 0, 0, 0, 0, 0, 400, 0, 600.0), 0)
    seconds(method.invert, x[:1]), seconds(gan.generator, codes)
    forward = min(seconds(gan.generator, codes) for _ in range(3)) / IMAGES
    found = benchmark.pedantic(method.invert, (x,), rounds=1)
    spent = benchmark.stats.stats.min / OWN
    with torch.no_grad():
        share = float(((gan.decode(found) - x).square().flatten(1).mean(1) < 1e-6).float().mean())
    benchmark.extra_info["own images found"] = share
    benchmark.extra_info["s for 256 images on two cores"] = 256 * spent / 2
    benchmark.extra_info["forward passes an image"] = spent / forward
    assert share >= 0.9
    assert spent < 4000 * forward  # 1,600 seen
