"""Training under autocast to bfloat16, and compiled, against plain float32."""

import dataclasses
import shutil

import pytest
import torch

from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.training import Trainer, train_gan

SMALL = {"width": 4, "code_dim": 8, "batch": 16}
RECIPES = {
    "dcgan": {},
    "lsgan": {},
    "sngan": {},
    "wgan-gp": {"discriminator_steps": 2},
    "rfgan": {"autoencoder_steps": 2},
    "dfm": {"denoiser_depth": 2},
    "gan-noise": {},
}


@pytest.fixture(scope="module")
def images() -> Images:
    return Images(torch.randint(0, 256, (64, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte())


def run_of(steps: int) -> RunContext:
    return RunContext(Budget("short", 0, 0, 0, steps, 0, 0, 0, 600.0), 0)


class FirstUpdate(Trainer):
    """Remembers the losses and the discriminator's gradient of the first step."""

    def update_discriminator(self, fake):
        loss = super().update_discriminator(fake)
        self.losses = [float(loss)]
        self.gradient = torch.cat([p.grad.flatten() for p in self.trained])
        return loss

    def update_generator(self, fake):
        loss = super().update_generator(fake)
        self.losses.append(float(loss))
        return loss


@pytest.fixture
def first_update(images, monkeypatch):
    """Train one step by a recipe; gives the trainer."""

    def train(recipe, images=images):
        trainers = []

        class Kept(FirstUpdate):
            def train(self):
                trainers.append(self)
                super().train()

        monkeypatch.setattr("bench.gans.recipe.Trainer", Kept)
        train_gan(recipe, images, run_of(1))
        return trainers[0]

    return train


@pytest.mark.parametrize(("name", "options"), RECIPES.items())
def test_bfloat16_trains_with_float32_weights_and_finite_losses(images, one_thread, name, options):
    recipe = create("gan", name, {**SMALL, **options, "precision": "bfloat16"})
    seen = []
    run = run_of(3)
    run.progress = lambda what, step, steps, figures: seen.append(figures)
    gan = train_gan(recipe, images, run)
    assert seen
    assert all(torch.tensor(value).isfinite() for figures in seen for value in figures.values())
    for module in gan.modules():
        floats = [t for t in module.state_dict().values() if t.is_floating_point()]
        assert {t.dtype for t in floats} == {torch.float32}
        assert all(t.isfinite().all() for t in floats)


@pytest.mark.parametrize(("name", "options"), RECIPES.items())
def test_bfloat16_gradients_point_where_float32_gradients_do(first_update, one_thread, name, options):
    recipe = create("gan", name, {**SMALL, **options})
    plain = first_update(recipe)
    half = first_update(dataclasses.replace(recipe, precision="bfloat16"))
    assert not torch.equal(half.gradient, plain.gradient)
    assert torch.cosine_similarity(half.gradient, plain.gradient, 0) > 0.97  # .993 seen, of sngan; .999 of others
    assert half.losses == pytest.approx(plain.losses, rel=0.05, abs=0.02)


def builds() -> bool:
    """Whether torch compiles anything at all: its own C++ does not build at every capability of a processor."""
    try:
        torch.compile(torch.tanh)(torch.ones(64))
    except Exception:
        return False
    return torch.backends.cpu.get_cpu_capability() != "DEFAULT"


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU")
def test_compiled_training_starts_with_the_same_losses(first_update, one_thread, monkeypatch):
    """On the smallest networks there are, in this process: compilers take their time, and helpers load torch."""
    monkeypatch.setattr("torch._inductor.config.compile_threads", 1)
    points = Images(torch.randn(64, 2, 1, 1, generator=torch.Generator().manual_seed(0)))
    recipe = create("gan", "mlp", {"width": 8, "batch": 16})
    plain = first_update(recipe, points)
    try:
        compiled = first_update(dataclasses.replace(recipe, compiled=True), points)
    except Exception:
        if builds():
            raise
        pytest.skip(f"torch's own C++ does not build at capability {torch.backends.cpu.get_cpu_capability()}")
    assert compiled.discriminate is not compiled.discriminator
    assert compiled.losses == pytest.approx(plain.losses, rel=1e-4)
    torch.testing.assert_close(compiled.gradient, plain.gradient, rtol=1e-3, atol=1e-5)
