import dataclasses
from contextlib import nullcontext

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import softplus

from bench.core.errors import Diverged
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.dcgan import DCGAN
from bench.gans.monitor import TrainingMonitor, check_variety
from bench.gans.objectives.base import Objective
from bench.gans.training import Trainer, train_gan

BUDGET = Budget("tiny", 0, 0, 0, 6, 0, 0, 0, 600.0)
RECIPE = DCGAN(width=2, code_dim=4, batch=8)


@pytest.fixture(scope="module")
def images() -> Images:
    return Images(torch.randint(0, 256, (64, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte())


def weights(gan) -> dict[str, torch.Tensor]:
    return {f"{i}.{k}": v for i, m in enumerate(gan.modules()) for k, v in m.state_dict().items()}


class Interrupted(Exception):
    pass


def interrupt_at(step):
    """Progress is shown each 50 steps only, so the interruption comes from the step itself."""

    class Cut(Trainer):
        def step(self, number):
            if number == step:
                raise Interrupted
            super().step(number)

    return Cut


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("step", [1, 4])
def test_an_interrupted_training_resumes_bit_for_bit(images, tmp_path, monkeypatch, step, ema):
    recipe = dataclasses.replace(RECIPE, ema=ema)
    whole = train_gan(recipe, images, RunContext(BUDGET, 3))

    def run() -> RunContext:
        return RunContext(BUDGET, 3, checkpoint=tmp_path / "loop.pt", checkpoint_seconds=-1.0)

    monkeypatch.setattr("bench.gans.recipe.Trainer", interrupt_at(step))
    with pytest.raises(Interrupted):
        train_gan(recipe, images, run())
    monkeypatch.undo()
    assert (tmp_path / "loop.pt").is_file()
    resumed = train_gan(recipe, images, run())
    assert resumed.checksum() == whole.checksum()
    for name, tensor in weights(whole).items():
        assert torch.equal(weights(resumed)[name], tensor), name


def test_the_seed_decides_the_weights(images):
    first, again, other = (train_gan(RECIPE, images, RunContext(BUDGET, seed)).checksum() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_step_moves_each_network_down_its_own_loss(images):
    """Frozen codes and images: the discriminator's loss falls, and the generator raises the logits of its images."""

    def trained(steps, which):
        run = RunContext(dataclasses.replace(BUDGET, train_steps=steps), 0)
        run.reseed()
        recipe = dataclasses.replace(RECIPE, learning_rate=5e-3)
        gan = recipe.build(images.shape, "cpu")
        trainer = Trainer(gan, recipe, images, run)
        optimizer = trainer.generator_optimizer if which == "discriminator" else trainer.discriminator_optimizer
        optimizer.param_groups[0]["lr"] = 0.0
        trainer.train()
        return run.figures[which]

    assert trained(60, "discriminator") < 0.5 * trained(1, "discriminator")
    assert trained(60, "generator") < 0.5 * trained(1, "generator")


def test_the_average_is_the_exponential_moving_average_of_the_generator(images):
    recipe = dataclasses.replace(RECIPE, ema=0.5)
    run = RunContext(dataclasses.replace(BUDGET, train_steps=3), 0)
    run.reseed()
    gan = recipe.build(images.shape, "cpu")
    trainer, history = Trainer(gan, recipe, images, run), []
    trainer.monitor.after_step = lambda *_, **__: history.append(gan.generator[0].weight.detach().clone())
    trainer.train()
    expected = history[0]
    for weight in history[1:]:
        expected = 0.5 * expected + 0.5 * weight
    torch.testing.assert_close(gan.generator[0].weight, expected)


def test_the_result_is_frozen_and_the_grid_is_drawn(images, tmp_path):
    gan = train_gan(RECIPE, images, RunContext(BUDGET, 0), TrainingMonitor(tmp_path / "grid.png"))
    assert not gan.generator.training
    assert not any(p.requires_grad for m in gan.modules() for p in m.parameters())
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (8 * 29 + 1, 8 * 29 + 1)


def test_drawing_samples_does_not_change_the_training(images, tmp_path, monkeypatch):
    plain = train_gan(RECIPE, images, RunContext(BUDGET, 0)).checksum()
    monkeypatch.setattr("bench.gans.monitor.CHECK_STEPS", 2)
    assert (
        train_gan(RECIPE, images, RunContext(BUDGET, 0), TrainingMonitor(tmp_path / "grid.png")).checksum() == plain
    )


def test_a_collapsed_generator_is_found(images):
    gan = RECIPE.build(images.shape, "cpu").freeze()
    nn.init.normal_(gan.generator[-2].weight, std=5.0)
    check_variety(gan, images, 0)
    nn.init.zeros_(gan.generator[-2].weight)
    with pytest.raises(Diverged, match=r"collapsed: its samples vary 0\.0000 times"):
        check_variety(gan, images, 0)
    nn.init.constant_(gan.generator[-2].weight, float("nan"))
    with pytest.raises(Diverged, match="collapsed"):
        check_variety(gan, images, 0)


@pytest.mark.parametrize("settled", [6, 7])
def test_a_training_ends_with_a_look_at_the_samples_once_they_settled(images, monkeypatch, settled):
    monkeypatch.setattr("bench.gans.monitor.COLLAPSE_RATIO", 1e9)
    monkeypatch.setattr("bench.gans.monitor.SETTLED_STEPS", settled)
    with pytest.raises(Diverged, match="collapsed") if settled == 6 else nullcontext():
        train_gan(RECIPE, images, RunContext(BUDGET, 0))


def test_a_loss_that_is_not_a_number_stops_the_training(images, monkeypatch):
    class Broken(Objective):
        def discriminator_loss(self, discriminator, real, fake):
            return softplus(discriminator(real)).mean() * float("nan")

        def generator_loss(self, discriminator, fake):
            return softplus(discriminator(fake)).mean()

    monkeypatch.setattr(DCGAN, "objective", lambda self: Broken())
    with pytest.raises(Diverged, match="discriminator is nan"):
        train_gan(RECIPE, images, RunContext(BUDGET, 0))
