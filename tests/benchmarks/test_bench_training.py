"""Speed of GAN training, as ratios to other training loops on the same networks in the same run.

Every loop runs on one thread and is timed in processor seconds, which other work on the machine hardly changes.
"""

from __future__ import annotations

import time
from itertools import count, islice

import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from bench.core.run_context import RunContext
from bench.core.types import Budget, Gan, Images
from bench.gans.dcgan import DCGAN
from bench.gans.networks import channels_last
from bench.gans.priors import Normal
from bench.gans.training import Trainer

ROUNDS, STEPS = 6, 2
SIZES = {28: ((1, 28, 28), 32), 64: ((3, 64, 64), 16)}
"""Image shape and width of DCGAN."""


class Pictures(Dataset):
    """Images as torchvision's datasets hold them: arrays that become PIL images, then tensors, one at a time."""

    def __init__(self, data):
        self.arrays = data.permute(0, 2, 3, 1).squeeze(3).numpy()
        scale = transforms.Normalize((0.5,) * data.shape[1], (0.5,) * data.shape[1])
        self.transform = transforms.Compose([transforms.ToTensor(), scale])

    def __len__(self):
        return len(self.arrays)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.arrays[index])), 0


def noise(shape):
    """Training images of random pixels: what they show does not matter here."""
    return torch.randint(0, 256, (1024, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def our_steps(gan, recipe, data):
    """Train without end, a step at a time."""
    run = RunContext(Budget("bench", 0, 0, 0, 1, 0, 0, 0, 600.0), 0)
    trainer = Trainer(gan, recipe, Images(data), run)
    for step in count():
        trainer.regularizer.begin(0.0, run.rng)
        yield trainer.step(step)


def textbook_steps(gan, recipe, data):
    """The loop of PyTorch's DCGAN tutorial: labels, sigmoid, a backward pass for each of three losses, plain Adam."""
    generator, discriminator = (m.to(memory_format=torch.contiguous_format).train() for m in gan.modules())
    betas = (recipe.beta1, recipe.beta2)
    for_generator, for_discriminator = (
        torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=betas)
        for network in (generator, discriminator)
    )
    criterion = nn.BCELoss()
    loader = DataLoader(Pictures(data), recipe.batch, shuffle=True, drop_last=True)
    while True:
        for real, _ in loader:
            discriminator.zero_grad()
            label = torch.full((recipe.batch,), 1.0)
            on_real = criterion(torch.sigmoid(discriminator(real)), label)
            on_real.backward()
            fake = generator(2 * torch.rand(recipe.batch, recipe.code_dim) - 1)
            label.fill_(0.0)
            on_fake = criterion(torch.sigmoid(discriminator(fake.detach())), label)
            on_fake.backward()
            for_discriminator.step()
            generator.zero_grad()
            label.fill_(1.0)
            fooled = criterion(torch.sigmoid(discriminator(fake)), label)
            fooled.backward()
            for_generator.step()
            yield (on_real + on_fake).item(), fooled.item()


def race(ours, theirs, times):
    """Processor seconds of ``STEPS`` steps of each, in turn, so that other work on the machine meets both.

    Two rounds where they show what is to be shown, up to ``ROUNDS`` on a busy machine.
    """
    spent: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS + 1):
        for steps, seconds in zip((ours, theirs), spent, strict=True):
            started = time.process_time()
            list(islice(steps, STEPS))
            if turn > 0:  # the first round chooses kernels
                seconds.append(time.process_time() - started)
        if turn >= 2 and min(spent[1]) >= times * min(spent[0]):
            break
    return spent


def compare(benchmark, ours, theirs, times):
    """How many times more steps a second ours takes, ``times`` at least; recorded with the benchmark."""
    fast, slow = race(ours, theirs, times)
    ratio = min(slow) / min(fast)
    benchmark.extra_info["times faster"] = ratio
    benchmark.extra_info["rounds"] = sorted(b / a for a, b in zip(fast, slow, strict=True))
    benchmark.pedantic(next, (ours,), rounds=3)
    return ratio


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize(
    ("side", "precision", "times"),
    [(28, "float32", 0.8), (64, "float32", 0.8), (28, "bfloat16", 1.1), (64, "bfloat16", 1.1)],
)
def test_training_keeps_up_with_the_textbook_loop(benchmark, one_thread, side, precision, times):
    """Measured 0.93 to 1.3, 0.99 to 1.3, 1.6 to 1.9 and 1.7 to 2.4 times, the least without AVX.

    The bounds leave room for other processors and a busy machine (0.8: not a quarter slower; in bfloat16 faster).

    Convolutions are about three quarters of our step, and both loops have nearly the same ones to do: of the
    textbook's, only the discriminator's weight gradients in the generator's update are spared, a ninth of its part.
    In float32 the wide ones run at 100 to 190 GFLOP/s on the core that was measured, which leaves little to gain.
    """
    if precision == "bfloat16" and not torch.cpu._is_avx512_bf16_supported():
        pytest.skip("this processor has no fast bfloat16")
    shape, width = SIZES[side]
    recipe = DCGAN(width=width, batch=64, precision=precision)
    ours = our_steps(recipe.build(shape, "cpu"), recipe, noise(shape))
    textbook = textbook_steps(recipe.build(shape, "cpu"), recipe, noise(shape))
    assert compare(benchmark, ours, textbook, times) >= times


def mimicry_steps(generator, discriminator, recipe, data):
    """torch-mimicry's training step, as its trainer takes it, without its logs and files."""
    metric_log = pytest.importorskip("torch_mimicry.training.metric_log", exc_type=ImportError)
    betas = (recipe.beta1, recipe.beta2)
    for_generator, for_discriminator = (
        torch.optim.Adam(network.parameters(), recipe.learning_rate, betas) for network in (generator, discriminator)
    )
    while True:
        for batch in DataLoader(Pictures(data), recipe.batch, shuffle=True, drop_last=True):
            shared = {"real_batch": batch, "log_data": metric_log.MetricLog(), "device": torch.device("cpu")}
            discriminator.train_step(netG=generator, optD=for_discriminator, **shared)
            generator.train_step(netD=discriminator, optG=for_generator, **shared)
            yield


@pytest.mark.benchmark(timer=time.process_time)
def test_training_is_faster_than_torch_mimicry_on_its_own_networks(benchmark, one_thread):
    """Its residual DCGAN for 32 pixels, narrowed; measured 1.7 to 1.9 times. It generates images twice a step.

    Release 0.1.16 imports ``torch._six``, which torch lost in 2.0, so it needs a stand-in for that to be imported.
    """
    nets = pytest.importorskip("torch_mimicry.nets.dcgan.dcgan_32", exc_type=ImportError)
    recipe, shape = DCGAN(prior="normal", batch=32), (3, 32, 32)

    def networks():
        return nets.DCGANGenerator32(ngf=32), nets.DCGANDiscriminator32(ndf=32)

    ours = our_steps(channels_last(Gan(*networks(), Normal(128), shape)), recipe, noise(shape))
    assert compare(benchmark, ours, mimicry_steps(*networks(), recipe, noise(shape)), 1.1) >= 1.1


def test_the_textbook_loop_is_the_same_training(one_thread):
    """From the same distribution of weights both report the same first losses, but for the batches that they draw.

    They were 8% apart at most, with ten seeds; a loss that lacks a part is half as large.
    """
    shape, recipe = (1, 28, 28), DCGAN(width=8, batch=64)
    torch.manual_seed(0)
    textbook = next(textbook_steps(recipe.build(shape, "cpu"), recipe, noise(shape)))
    reported = []
    run = RunContext(
        Budget("bench", 0, 0, 0, 1, 0, 0, 0, 600.0), 0, progress=lambda *shown: reported.append(shown[-1])
    )
    Trainer(recipe.build(shape, "cpu"), recipe, Images(noise(shape)), run).train()
    assert list(reported[0].values()) == pytest.approx(textbook, rel=0.25)
