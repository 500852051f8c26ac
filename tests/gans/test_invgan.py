import dataclasses

import pytest
import torch

from bench.core.errors import BenchError, NotApplicable
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.dcgan import DCGAN
from bench.gans.invgan import InvGAN, InvGANBigGAN, InvGANStyleGAN
from bench.gans.invgan_training import InvGANTrainer
from bench.gans.objectives.discrepancy import discrepancy
from bench.gans.objectives.hinge import Hinge
from bench.gans.objectives.non_saturating import NonSaturating
from bench.gans.training import train_gan

SMALL = {"width": 2, "code_dim": 3, "batch": 8}
VARIANTS = ("naive", "augmented", "full")
BODIES = [
    pytest.param(InvGAN(**SMALL), (1, 28, 28), id="dcgan"),
    pytest.param(InvGANBigGAN(**SMALL), (3, 32, 32), id="biggan"),
    pytest.param(InvGANStyleGAN(**SMALL | {"width": 4}), (1, 32, 32), id="stylegan"),
]


def budget(steps) -> Budget:
    return Budget("tiny", 0, 0, 0, steps, 0, 0, 0, 600.0)


def noise(shape) -> Images:
    return Images(torch.randint(0, 256, (64, *shape), generator=torch.Generator().manual_seed(0)).byte())


@pytest.fixture(scope="module")
def images() -> Images:
    return noise((1, 28, 28))


def trainer_of(recipe, images) -> InvGANTrainer:
    run = RunContext(budget(1), 0)
    run.reseed()
    return InvGANTrainer(recipe.build(images.shape, "cpu"), recipe, images, run)


def copy_of(network) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in network.named_parameters()}


def moved(network, before) -> set[str]:
    return {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}


@pytest.mark.parametrize(("recipe", "shape"), BODIES)
def test_codes_enter_through_z_and_through_w(recipe, shape):
    gan = recipe.build(shape, "cpu").freeze()
    z = gan.prior.sample(4, torch.Generator().manual_seed(0))
    images = gan.decode(z)
    assert images.shape == (4, *shape)
    assert float(images.abs().max()) <= 1.0
    view = gan.view("w")
    w = view.translate(z)
    assert w.shape == (4, 3)
    assert not torch.equal(w, z)
    torch.testing.assert_close(view.decode(w), images)
    assert gan.discriminator(images).shape == (4,)
    assert gan.encode(images).shape == view.encode(images).shape == (4, view.code_dim)


@pytest.mark.parametrize(("recipe", "shape"), BODIES)
def test_both_heads_look_at_one_trunk(recipe, shape):
    gan = recipe.build(shape, "cpu").freeze()
    x = torch.rand(4, *shape, generator=torch.Generator().manual_seed(0))
    logits, codes, features = gan.discriminator.both(x)
    assert torch.equal(logits, gan.discriminator(x))
    assert torch.equal(codes, gan.encode(x))
    assert torch.equal(features, gan.features(x))
    torch.testing.assert_close(gan.encode(x[1:2]), codes[1:2])


def test_the_prior_of_w_is_fitted_to_mapped_codes():
    gan = InvGAN(**SMALL).build((1, 28, 28), "cpu").freeze()
    view = gan.view("w")
    w = view.translate(gan.prior.sample(20_000, torch.Generator().manual_seed(5)))
    torch.testing.assert_close(view.prior.mean, w.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(view.prior.std, w.std(0), atol=0.05, rtol=0)
    with pytest.raises(NotApplicable, match=r"no w\+ codes; it has z, w"):
        gan.view("w+")


def test_the_architecture_is_dcgan_with_a_mapping_and_a_head():
    ours, plain = (r(width=4, code_dim=6).build((3, 64, 64), "cpu") for r in (InvGAN, DCGAN))

    def count(module):
        return sum(p.numel() for p in module.parameters())

    assert count(ours.generator) - count(plain.generator) == 2 * (6 * 6 + 6)
    assert count(ours.discriminator) - count(plain.discriminator) == 16 * 32 * 6 + 6


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_discriminators_turn_moves_both_heads_and_nothing_else(images, variant):
    trainer = trainer_of(InvGAN(**SMALL, variant=variant), images)
    generator, discriminator = copy_of(trainer.generator), copy_of(trainer.discriminator)
    trainer.update_heads(trainer.draw_real())
    assert not moved(trainer.generator, generator)
    assert moved(trainer.discriminator, discriminator) == discriminator.keys()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_generators_turn_moves_the_encoder_only_in_the_full_variant(images, variant):
    """Through codes of real images; the head that judges, and statistics apart, the rest of the network is fixed."""
    trainer = trainer_of(InvGAN(**SMALL, variant=variant), images)
    generator, discriminator = copy_of(trainer.generator), copy_of(trainer.discriminator)
    trainer.update_maker(trainer.draw_real())
    assert moved(trainer.generator, generator) == generator.keys()
    encoder = {name for name in discriminator if not name.startswith("head.")}
    assert moved(trainer.discriminator, discriminator) == (encoder if variant == "full" else set())
    assert all(p.requires_grad for p in trainer.discriminator.parameters())


def test_terms_are_those_of_equation_3(images, monkeypatch):
    """Worked out again from the networks in eval mode, where batches do not matter."""
    trainer = trainer_of(InvGAN(**SMALL), images)
    gan = trainer.gan
    for network in gan.modules():
        network.eval()
    x = images.floats(slice(0, 8))
    rng = torch.Generator().set_state(trainer.run.rng.get_state())
    terms = trainer.full_terms(x)
    w = gan.generator.mapping(gan.prior.sample(4, rng))
    view, real = gan.view("w"), x[:4]
    w_real = gan.encode(real)
    seen = gan.encode(view.decode(w))
    again = gan.encode(view.decode(torch.cat([seen, w_real])))
    made = view.decode(w_real)
    logits = gan.discriminator(torch.cat([view.decode(w), made]))
    expected = {
        "generator": torch.log(1 + torch.exp(-logits)).mean(),
        "latent": (w - seen).square().mean(),
        "cycle": (torch.cat([seen, w_real]) - again).square().mean(),
        "features": (gan.features(real) - gan.features(made)).square().mean(),
        "mmd": discrepancy(w, w_real),
    }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, msg=name)


def test_gradients_reach_the_encoder_through_codes_of_real_images_alone(images):
    """If those codes are held fixed, no term moves the discriminator; features of real images are targets."""
    trainer = trainer_of(InvGAN(**SMALL), images)
    both = trainer.both
    trainer.both = lambda x: tuple(part.detach() for part in both(x)) if not x.requires_grad else both(x)
    for term in trainer.full_terms(trainer.draw_real()).values():
        parameters = list(trainer.discriminator.parameters())
        if term.requires_grad:
            gradients = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
            assert all(g is None for g in gradients)


@pytest.mark.parametrize("variant", ["augmented", "full"])
def test_codes_of_real_images_are_replayed_in_the_next_batch(images, variant):
    trainer = trainer_of(InvGAN(**SMALL, variant=variant), images)
    assert len(trainer.mixed_codes()) == 8
    assert trainer.replay.codes is None
    trainer.step(0)
    kept = trainer.replay.codes
    assert kept.shape == (4, 3)
    assert not kept.requires_grad
    mixed = trainer.mixed_codes()
    assert len(mixed) == 8
    assert torch.equal(mixed[4:], kept)
    trainer.step(1)
    assert not torch.equal(trainer.replay.codes, kept)


def test_the_naive_variant_never_generates_from_codes_of_real_images(images):
    trainer = trainer_of(InvGAN(**SMALL, variant="naive"), images)
    trainer.step(0)
    assert trainer.replay.codes is None
    assert trainer.naive_terms(trainer.draw_real()).keys() == {"generator", "latent"}


@pytest.mark.parametrize("weight", ["latent_weight", "feature_weight", "mmd_weight"])
def test_every_weight_counts(images, weight):
    recipe = InvGAN(**SMALL)
    one, other = (
        train_gan(
            dataclasses.replace(recipe, **{weight: value}), images, RunContext(budget(1), 0)
        ).generator.state_dict()
        for value in (0.0, 1.0)
    )
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_adversarial_loss_follows_the_body():
    assert isinstance(InvGAN().objective(), NonSaturating)
    assert isinstance(InvGANBigGAN().objective(), Hinge)
    assert isinstance(InvGANStyleGAN().objective(), NonSaturating)
    assert InvGANStyleGAN().regularizer().gamma == 10.0


@pytest.mark.parametrize(("recipe", "shape"), BODIES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_an_interrupted_training_resumes_bit_for_bit(recipe, shape, variant, tmp_path, monkeypatch):
    class Interrupted(Exception):
        pass

    class Cut(InvGANTrainer):
        def step(self, step):
            if step == 2:
                raise Interrupted
            super().step(step)

    def run() -> RunContext:
        return RunContext(budget(4), 3, checkpoint=tmp_path / "loop.pt", checkpoint_seconds=-1.0)

    recipe, images = dataclasses.replace(recipe, variant=variant), noise(shape)
    whole = train_gan(recipe, images, RunContext(budget(4), 3))
    monkeypatch.setattr("bench.gans.invgan.InvGANTrainer", Cut)
    with pytest.raises(Interrupted):
        train_gan(recipe, images, run())
    monkeypatch.undo()
    assert train_gan(recipe, images, run()).checksum() == whole.checksum()


def test_forgetting_the_replay_would_show_in_a_resumed_training(images, tmp_path, monkeypatch):
    """The codes are in the checkpoint because the outcome depends on them."""
    whole = train_gan(InvGAN(**SMALL), images, RunContext(budget(3), 3)).checksum()
    monkeypatch.setattr("bench.gans.invgan_training.InvGANTrainer.mixed_codes", forgetful)
    assert train_gan(InvGAN(**SMALL), images, RunContext(budget(3), 3)).checksum() != whole


def forgetful(trainer):
    return trainer.mapping(trainer.gan.prior.sample(trainer.recipe.batch, trainer.run.rng))


@pytest.mark.parametrize(("recipe", "shape"), BODIES)
def test_saved_networks_encode_as_before(recipe, shape, tmp_path):
    images = noise(shape)
    gan = train_gan(recipe, images, RunContext(budget(1), 0))
    save_gan(gan, tmp_path / "gan.safetensors")
    loaded = load_gan(tmp_path / "gan.safetensors")
    assert loaded.checksum() == gan.checksum()
    assert loaded.provenance["options"]["variant"] == "full"
    x = images.floats(slice(0, 4))
    assert torch.equal(loaded.encode(x), gan.encode(x))


def test_options_that_make_no_sense_are_refused():
    for options, words in (
        ({"variant": "fuller"}, "variant"),
        ({"mmd_weight": -1.0}, r"mmd_weight = -1\.0 must be 0 or more"),
        ({"ema": 0.9}, r"ema = 0\.9 must be 0"),
        ({"width": 0}, "width = 0"),
    ):
        with pytest.raises(BenchError, match=words):
            create("gan", "invgan", options)
    with pytest.raises(NotApplicable, match="28x28, 32x32"):
        InvGANBigGAN(**SMALL).build((3, 64, 64), "cpu")
