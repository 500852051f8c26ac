import dataclasses

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from bench.core.errors import BenchError, NotApplicable
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.joint_networks import Encoder, draw
from bench.gans.monitor import TrainingMonitor
from bench.gans.training import train_gan
from bench.gans.vae import VAE, VAETrainer, divergence, half_squared_error

RECIPE = VAE(width=2, code_dim=3, batch=8)


def budget(steps) -> Budget:
    return Budget("tiny", 0, 0, 0, steps, 0, 0, 0, 600.0)


@pytest.fixture(scope="module")
def images() -> Images:
    return Images(torch.randint(0, 256, (64, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte())


def test_the_divergence_is_that_of_two_normal_distributions():
    rng = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(5, 4, generator=rng), torch.randn(5, 4, generator=rng)
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)
    assert torch.equal(divergence(torch.zeros(1, 4), torch.zeros(1, 4)), torch.zeros(1))


def test_the_error_is_summed_over_an_image_and_halved():
    x = torch.zeros(2, 1, 2, 2)
    made = torch.tensor([[1.0, 1.0, 1.0, 1.0], [3.0, 0.0, 0.0, 0.0]]).view(2, 1, 2, 2)
    assert half_squared_error(x, made).tolist() == [2.0, 4.5]


def test_drawn_codes_have_the_mean_and_the_deviation_that_were_said():
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[2.0, -2.0]])
    codes = draw(mean.repeat(40_000, 1), log_variance.repeat(40_000, 1), torch.Generator().manual_seed(0))
    torch.testing.assert_close(codes.mean(0), mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(codes.std(0), torch.tensor([1.0, -1.0]).exp(), atol=0.05, rtol=0)
    assert draw(mean, None, torch.Generator()) is mean


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_images_and_codes_have_the_stated_shapes(shape):
    gan = VAE(width=2, code_dim=3).build(shape, "cpu").freeze()
    images = gan.decode(gan.prior.sample(4, torch.Generator().manual_seed(0)))
    assert images.shape == (4, *shape)
    codes = gan.encode(images)
    assert codes.shape == (4, 3)
    mean, log_variance = gan.encoder.distribution(images)
    assert torch.equal(codes, mean)
    assert log_variance.shape == (4, 3)
    with pytest.raises(NotApplicable, match="no discriminator"):
        gan.features(images)


def test_a_step_goes_down_the_gradient_of_the_loss_in_both_networks(images):
    """Against autograd over the whole bound, written out here: with Adam's first step, the sign of each gradient."""
    run = RunContext(budget(1), 0)
    run.reseed()
    gan = RECIPE.build(images.shape, "cpu")
    before = {k: v.clone() for m in gan.modules() for k, v in m.named_parameters(prefix=type(m).__name__)}
    trainer = VAETrainer(gan, RECIPE, images, run, TrainingMonitor())
    rng = torch.Generator().set_state(run.rng.get_state())
    x = images.floats(images.draw(RECIPE.batch, rng))
    mean, log_variance = gan.encoder.distribution(x)
    noise = torch.randn(mean.shape, generator=rng)
    made = gan.generator(mean + noise * (log_variance / 2).exp())
    kl = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum()
    loss = (0.5 * (x - made).square().sum() + kl) / len(x)
    parameters = [p for m in gan.modules() for p in m.parameters()]
    gradients = torch.autograd.grad(loss, parameters)
    trainer.step()
    torch.testing.assert_close(run._pending["error"] + run._pending["divergence"], loss.detach())
    for (name, old), new, gradient in zip(before.items(), parameters, gradients, strict=True):
        clear = gradient.abs() > 1e-3
        assert clear.any(), name
        assert torch.equal((new - old).sign()[clear], -gradient.sign()[clear]), name


@pytest.mark.parametrize("step", [1, 4])
def test_an_interrupted_training_resumes_bit_for_bit(images, tmp_path, monkeypatch, step):
    class Interrupted(Exception):
        pass

    whole = train_gan(RECIPE, images, RunContext(budget(6), 3))
    done, original = [], VAETrainer.step

    def cut(self):
        if len(done) == step:
            raise Interrupted
        done.append(1)
        original(self)

    def run() -> RunContext:
        return RunContext(budget(6), 3, checkpoint=tmp_path / "loop.pt", checkpoint_seconds=-1.0)

    monkeypatch.setattr(VAETrainer, "step", cut)
    with pytest.raises(Interrupted):
        train_gan(RECIPE, images, run())
    monkeypatch.undo()
    assert train_gan(RECIPE, images, run()).checksum() == whole.checksum()
    assert train_gan(RECIPE, images, RunContext(budget(6), 4)).checksum() != whole.checksum()


def test_saved_networks_include_the_encoder(images, tmp_path):
    gan = train_gan(RECIPE, images, RunContext(budget(2), 0))
    save_gan(gan, tmp_path / "vae.safetensors")
    loaded = load_gan(tmp_path / "vae.safetensors")
    assert loaded.checksum() == gan.checksum()
    x = images.floats(slice(0, 4))
    assert torch.equal(loaded.encode(x), gan.encode(x))


def test_the_best_weights_include_the_encoder(images):
    watch = TrainingMonitor(quality=lambda gan: float(len(watch.history)), looks=2)
    train_gan(RECIPE, images, RunContext(budget(4), 0), watch)
    assert len(watch.best) == 2
    VAE(width=2, code_dim=3).build(images.shape, "cpu").encoder.load_state_dict(watch.best[1])


def test_the_divergence_keeps_codes_near_the_prior(images, monkeypatch):
    x = images.floats(slice(None))
    found = {}
    for name in ("with", "without"):
        if name == "without":
            monkeypatch.setattr("bench.gans.vae.divergence", lambda mean, log_variance: 0.0 * mean.sum(1))
        gan = train_gan(dataclasses.replace(RECIPE, learning_rate=3e-3), images, RunContext(budget(60), 0))
        with torch.no_grad():
            found[name] = divergence(*gan.encoder.distribution(x)).mean()
    assert found["without"] > 2 * found["with"]


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(BenchError, match="prior = 'uniform' must be 'normal'"):
        create("gan", "vae", {"prior": "uniform"})
    with pytest.raises(BenchError, match=r"ema = 0\.9 must be 0"):
        create("gan", "vae", {"ema": 0.9})
    with pytest.raises(BenchError, match="discriminator_steps"):
        create("gan", "vae", {"discriminator_steps": 2})
    with pytest.raises(NotApplicable, match="28x28, 32x32, 64x64, 128x128"):
        dataclasses.replace(RECIPE).build((1, 30, 30), "cpu")


def test_the_encoder_has_a_variance_only_if_asked_for():
    torch.manual_seed(0)
    whole = RECIPE.make_encoder((1, 28, 28))
    assert isinstance(whole, Encoder)
    assert RECIPE.make_encoder((1, 28, 28), gaussian=False).distribution(torch.zeros(2, 1, 28, 28))[1] is None
