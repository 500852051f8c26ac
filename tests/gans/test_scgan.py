"""SCGAN's training: losses written out, what each stage moves, resuming, files, learning, mistakes."""

import dataclasses
import itertools

import pytest
import torch
from torch.nn.functional import interpolate, mse_loss

from bench.core.errors import BenchError, NotApplicable
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.monitor import TrainingMonitor
from bench.gans.scgan import SCGAN
from bench.gans.scgan_networks import Window, centre_of, networks_of
from bench.gans.scgan_training import CentreTrainer, FullTrainer, StageTrainer, train_connection
from bench.gans.spectral import SNGAN
from bench.gans.training import train_gan

SMALL = {"width": 2, "code_dim": 6, "batch": 4, "connection_width": 128}
RECIPE = SCGAN(**SMALL)
SHAPE = (1, 64, 64)


def budget(steps) -> Budget:
    return Budget("tiny", 0, 0, 0, steps, 0, 0, 0, 600.0)


@pytest.fixture(scope="module")
def images() -> Images:
    """Four shades in each image, one at every corner, with smooth passages between them."""
    levels = torch.randint(0, 256, (64, 1, 2, 2), generator=torch.Generator().manual_seed(0)).float()
    return Images(interpolate(levels, (64, 64), mode="bilinear").byte())


def codes_of(gan, count=4):
    return gan.prior.sample(count, torch.Generator().manual_seed(1))


def settle(generator, dim) -> None:
    """Show batch norm what it normalises; before that, images of untrained generators are all grey."""
    generator.train()
    rng = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for _ in range(20):
            generator(torch.randn((16, dim), generator=rng))
    generator.eval()


def loud(trainer) -> FullTrainer:
    """The trainer with logits a hundred times as large: untrained ones hardly differ from image to image."""
    trainer.spatial_discriminator.head.register_forward_hook(lambda module, given, logits: 100 * logits)
    return trainer


def trainer_of(images, recipe=RECIPE) -> FullTrainer:
    """The last stage, around untrained windows; every network in eval mode, where batches do not matter."""
    run = RunContext(budget(1), 0)
    run.reseed()
    gan = recipe.build(images.shape, "cpu")
    for part, dim in ((gan.generator.centre, 3), (gan.generator.full, 6)):
        settle(part, recipe.code_dim * dim // 6)
    for network in centre_of(gan).modules():
        network.eval().requires_grad_(False)
    trainer = FullTrainer(gan, recipe, images, run, 1, TrainingMonitor())
    for network in gan.modules():
        network.eval()
    return trainer


# -------------------------------------------------------------------------------------------------------- losses


def test_the_discriminators_loss_is_equation_8(images, monkeypatch):
    """Written out in logarithms of probabilities; the penalty by automatic differentiation of one image at a time."""
    trainer, losses = loud(trainer_of(images)), []
    monkeypatch.setattr("bench.gans.training.descend", lambda optimizer, loss: losses.append(loss.detach()))
    made = trainer.draw_made()
    rng = torch.Generator().set_state(trainer.run.rng.get_state())
    reported = trainer.update_discriminator(made.images.detach())
    x = images.floats(images.draw(RECIPE.batch, rng))
    discriminator = trainer.gan.discriminator

    def logs(probability):
        return probability.log().mean()

    real, full, glued = (torch.sigmoid(discriminator.patches(part)) for part in (x, made.full, made.glued))
    expected = -(logs(real) + 0.5 * (logs(1 - full) + logs(1 - glued)))
    torch.testing.assert_close(reported, expected)
    squares = []
    for image in x.split(1):
        image.requires_grad_(True)
        (slope,) = torch.autograd.grad(discriminator.patches(image).mean(), image)
        squares.append(slope.square().sum())
    torch.testing.assert_close(losses[0], expected + 10.0 / 2 * torch.stack(squares).mean())


def test_the_generators_loss_is_equation_7(images, monkeypatch):
    """With -log D in place of log(1 - D), whose gradient vanishes; the norm is a mean over the code's numbers."""
    trainer, losses = loud(trainer_of(images)), []
    monkeypatch.setattr("bench.gans.scgan_training.descend", lambda optimizer, loss: losses.append(loss.detach()))
    rng = torch.Generator().set_state(trainer.run.rng.get_state())
    made = trainer.draw_made()
    trainer.update_full(made)
    generator, discriminator = networks_of(trainer.gan)
    windows = images.floats(images.draw(RECIPE.batch, rng))[:, :, 16:48, :32]
    inferred = discriminator.infer(windows)
    torch.testing.assert_close(made.codes, torch.cat([inferred, torch.randn(4, 3, generator=rng)], 1))
    full = generator.full(made.codes)
    glued = full.clone()
    glued[:, :, 16:48, :32] = generator.centre(inferred)
    adversarial = sum(-torch.sigmoid(discriminator.patches(part)).log().mean() for part in (full, glued))
    error = (inferred - discriminator.infer(full[:, :, 16:48, :32])).abs().sum(1).mean() / 3
    torch.testing.assert_close(losses[0], (0.5 * adversarial + 10.0 * error).detach())


def test_the_pasted_window_teaches_the_generator_nothing(images):
    made = trainer_of(images).draw_made()
    (slope,) = torch.autograd.grad(made.glued.sum(), made.full)
    assert torch.equal(slope, Window(16, 0, 32).paste(torch.ones_like(slope), torch.zeros(())))


# -------------------------------------------------------------------------------------------------------- stages


def test_steps_are_divided_by_the_shares_and_none_is_lost():
    assert SCGAN().steps(1000) == (300, 200, 500)
    assert SCGAN(centre_share=0.0, connection_share=0.0).steps(7) == (0, 0, 7)
    for total, shares in itertools.product(range(12), [(0.4, 0.2), (0.5, 0.49), (0.3, 0.0)]):
        steps = SCGAN(centre_share=shares[0], connection_share=shares[1]).steps(total)
        assert sum(steps) == total
        assert min(steps) >= 0
    assert {"centre_share", "connection_share"} <= SCGAN().provenance()["options"].keys()


def test_windows_are_learnt_as_sngan_without_a_penalty():
    recipe = SCGAN(**SMALL, flips=True, learning_rate=1e-3).centre_recipe()
    expected = SNGAN(code_dim=3, width=2, batch=4, flips=True, learning_rate=1e-3)
    assert recipe == expected
    assert type(recipe.regularizer()) is type(SNGAN().regularizer())


def test_windows_are_learnt_from_where_they_lie(images):
    recipe, run = dataclasses.replace(RECIPE, window="bottom-right"), RunContext(budget(1), 0)
    trainer = CentreTrainer(recipe.build(images.shape, "cpu"), recipe, images, run, 1)
    rng = torch.Generator().set_state(run.rng.get_state())
    drawn = trainer.draw_real()
    assert torch.equal(drawn, images.floats(images.draw(RECIPE.batch, rng))[:, :, 32:, 32:])
    assert torch.equal(trainer.shown.data, images.data[:, :, 32:, 32:])


def test_every_stage_moves_its_own_networks_and_nothing_else(images, monkeypatch):
    before, seen = {}, {}

    def parts(gan):
        generator, discriminator = gan.generator, gan.discriminator
        return {
            "centre": [generator.centre, discriminator.trunk.local, discriminator.centre_head],
            "connection": [discriminator.connection],
            "full": [generator.full, discriminator.trunk.stages, discriminator.head],
        }

    def values(gan):
        return {
            name: [t.detach().clone() for network in networks for t in network.state_dict().values()]
            for name, networks in parts(gan).items()
        }

    def moved(now, then):
        return {n for n in now if any(not torch.equal(a, b) for a, b in zip(now[n], then[n], strict=True))}

    def watched(name, original):
        def call(*arguments, **named):
            then = values(before["gan"])
            original(*arguments, **named)
            seen[name] = moved(values(before["gan"]), then)

        return call

    build = SCGAN.build
    monkeypatch.setattr(SCGAN, "build", lambda *args: before.setdefault("gan", build(*args)))
    monkeypatch.setattr("bench.gans.scgan_training.CentreTrainer.train", watched("centre", StageTrainer.train))
    connection = watched("connection", train_connection)
    monkeypatch.setattr("bench.gans.scgan_training.train_connection", connection)
    monkeypatch.setattr(FullTrainer, "train", watched("full", StageTrainer.train))
    train_gan(RECIPE, images, RunContext(budget(5), 0))
    assert seen == {name: {name} for name in ("centre", "connection", "full")}


@pytest.mark.parametrize("stage", ["windows", "connection", "training"])
def test_an_interrupted_training_resumes_bit_for_bit(images, tmp_path, monkeypatch, whole, stage):
    class Interrupted(Exception):
        pass

    loop = RunContext.loop

    def cut(self, what, *arguments):
        for step in loop(self, what, *arguments):
            if (what, step) == (stage, 1):
                raise Interrupted
            yield step

    def run() -> RunContext:
        return RunContext(budget(6), 3, checkpoint=tmp_path / "loop.pt", checkpoint_seconds=-1.0)

    monkeypatch.setattr(RunContext, "loop", cut)
    with pytest.raises(Interrupted):
        train_gan(EVEN, images, run())
    monkeypatch.undo()
    assert train_gan(EVEN, images, run()).checksum() == whole.checksum()


EVEN = dataclasses.replace(RECIPE, centre_share=0.34, connection_share=0.33)
"""Two of six steps for every stage."""


@pytest.fixture(scope="module")
def whole(images):
    return train_gan(EVEN, images, RunContext(budget(6), 3))


def test_another_seed_gives_another_gan(images, whole):
    assert train_gan(EVEN, images, RunContext(budget(6), 4)).checksum() != whole.checksum()


def test_saved_networks_are_whole(images, whole, tmp_path):
    save_gan(whole, tmp_path / "scgan.safetensors")
    loaded = load_gan(tmp_path / "scgan.safetensors")
    assert loaded.checksum() == whole.checksum()
    x, codes = images.floats(slice(0, 4)), codes_of(whole)
    assert torch.equal(loaded.encode(x), whole.encode(x))
    assert torch.equal(loaded.decode(codes), whole.decode(codes))
    assert torch.equal(centre_of(loaded).decode(codes[:, :3]), centre_of(whole).decode(codes[:, :3]))


def test_the_watch_looks_at_whole_images_in_the_last_stage(images):
    shapes = []
    watch = TrainingMonitor(
        quality=lambda gan: float(shapes.append(gan.decode(codes_of(gan)).shape) or len(shapes)), looks=2
    )
    train_gan(EVEN, images, RunContext(budget(6), 0), watch)
    assert shapes == [(4, *SHAPE)] * 2
    assert [entry["step"] for entry in watch.history] == [1, 2]
    assert len(watch.best) == 2


# ------------------------------------------------------------------------------------------------------ learning


def window_error(gan, images) -> float:
    """Mean error of the code of y_crop, over that of another image's window: 1 for windows that ignore the code."""
    generator, discriminator = networks_of(gan)
    with torch.no_grad():
        inferred = gan.encode(images.floats(slice(None))).chunk(2, 1)[0]
        edge = torch.randn(inferred.shape, generator=torch.Generator().manual_seed(1))
        drawn = generator.window.crop(generator.full(torch.cat([inferred, edge], 1)))
        error = (discriminator.infer(drawn) - inferred).abs().mean()
    return float(error / (inferred - inferred.roll(1, 0)).abs().mean())


def test_the_window_learns_its_code_through_the_reconstruction_loss_alone(images):
    """Around an untrained window, against an untrained discriminator: .24 to .62 times the error without the loss."""

    def share(weight):
        recipe = dataclasses.replace(RECIPE, code_dim=4, batch=12, learning_rate=5e-3, recon_weight=weight)
        trainer = trainer_of(images, recipe)
        trainer.generator.train()
        trainer.require_gradients(False)
        for _ in range(40):
            trainer.update_full(trainer.draw_made())
        return window_error(trainer.gan.freeze(), images)

    assert share(10.0) < 0.8 * share(0.0)


@pytest.mark.parametrize("true_codes", [True, False])
def test_the_connection_network_learns_codes_of_windows(monkeypatch, true_codes):
    """Squared error of codes of generated windows, 1 for a constant; from the codes of others it learns nothing."""
    torch.manual_seed(0)
    centre = centre_of(dataclasses.replace(RECIPE, code_dim=4).build(SHAPE, "cpu").freeze())
    settle(centre.generator, 2)
    if not true_codes:
        monkeypatch.setattr("bench.gans.scgan_training.mse_loss", lambda a, b: mse_loss(a, b.roll(1, 0)))
    network = centre.encoder.connection.requires_grad_(True)
    recipe = dataclasses.replace(RECIPE, batch=32, learning_rate=3e-3)
    train_connection(centre, network, recipe, RunContext(budget(0), 0), 100)
    codes = torch.randn(500, 2, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        error = float((centre.encode(centre.decode(codes)) - codes).square().mean())
    assert error < 0.6 if true_codes else error > 0.85  # ten seeds: 0.01 to 0.31, and 0.99 to 1.2


# ------------------------------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"code_dim": 5}, "code_dim = 5 must be even"),
        ({"prior": "uniform"}, "prior = 'uniform' must be 'normal'"),
        ({"window": "left"}, "option window = 'left' should be one of 'top-left'"),
        ({"centre_share": 0.7, "connection_share": 0.3}, "leave a share for whole images"),
        ({"centre_share": -0.1}, r"centre_share = -0\.1"),
        ({"gamma": -1.0}, r"gamma = -1\.0 must be 0 or more"),
        ({"connection_width": 100}, "connection_width = 100"),
        ({"ema": 0.9}, r"ema = 0\.9 must be 0"),
        ({"width": 0}, "width = 0"),
        ({"windows": "centre"}, "did you mean 'window'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(BenchError, match=words):
        create("gan", "scgan", options)


def test_images_without_an_architecture_are_not_applicable():
    for shape, words in (((1, 32, 32), "64x64, 128x128"), ((3, 64, 128), "64x128"), ((4, 64, 64), "1 or 3 channels")):
        with pytest.raises(NotApplicable, match=words):
            RECIPE.build(shape, "cpu")
