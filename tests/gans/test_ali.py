import dataclasses
import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from bench.core.errors import BenchError, NotApplicable
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.ali import ALI, ALICE, JointSamples, PairTrainer, generator_encoder_loss, joint_discriminator_loss
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.training import train_gan

SMALL = {"width": 2, "code_dim": 3, "batch": 8, "pair_width": 8}
RECIPES = [
    pytest.param(ALI(**SMALL), id="ali"),
    pytest.param(ALI(**SMALL, encoder="deterministic"), id="bigan"),
    pytest.param(ALICE(**SMALL), id="alice"),
]


def budget(steps) -> Budget:
    return Budget("tiny", 0, 0, 0, steps, 0, 0, 0, 600.0)


@pytest.fixture(scope="module")
def images() -> Images:
    return Images(torch.randint(0, 256, (64, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte())


def trainer_of(recipe, images) -> PairTrainer:
    run = RunContext(budget(1), 0)
    run.reseed()
    return PairTrainer(recipe.build(images.shape, "cpu"), recipe, images, run)


def copy_of(network) -> list[torch.Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def moved(network, before) -> list[bool]:
    return [not torch.equal(p, old) for p, old in zip(network.parameters(), before, strict=True)]


def test_the_losses_are_cross_entropies_with_the_kinds_exchanged():
    inferred, made = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([0.0, 3.0, -2.0])
    real, fake = torch.ones(3), torch.zeros(3)
    entropy = binary_cross_entropy_with_logits
    torch.testing.assert_close(
        joint_discriminator_loss(inferred, made), entropy(inferred, real) + entropy(made, fake)
    )
    torch.testing.assert_close(generator_encoder_loss(inferred, made), entropy(inferred, fake) + entropy(made, real))
    assert float(joint_discriminator_loss(torch.zeros(3), torch.zeros(3))) == pytest.approx(2 * math.log(2))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
@pytest.mark.parametrize("recipe", RECIPES)
def test_images_codes_and_logits_have_the_stated_shapes(recipe, shape):
    gan = recipe.build(shape, "cpu").freeze()
    codes = gan.prior.sample(4, torch.Generator().manual_seed(0))
    images = gan.decode(codes)
    assert images.shape == (4, *shape)
    assert gan.encode(images).shape == (4, 3)
    assert gan.discriminator(images, codes).shape == (4,)
    assert gan.features(images).shape[0] == 4
    with pytest.raises(NotApplicable, match="pairs of an image and a code"):
        gan.discriminator(images)


def test_the_discriminator_looks_at_both_members_of_a_pair():
    gan = ALI(**SMALL).build((1, 28, 28), "cpu").freeze()
    rng = torch.Generator().manual_seed(0)
    x, codes = torch.rand(4, 1, 28, 28, generator=rng), torch.randn(4, 3, generator=rng)
    logits = gan.discriminator(x, codes)
    assert not torch.equal(gan.discriminator(x, codes.flip(0)), logits)
    assert not torch.equal(gan.discriminator(x.flip(0), codes), logits)
    torch.testing.assert_close(gan.discriminator(x[2:3], codes[2:3]), logits[2:3])


@pytest.mark.parametrize("recipe", RECIPES)
def test_each_update_moves_its_own_networks(recipe, images):
    trainer = trainer_of(recipe, images)
    makers = torch.nn.ModuleList([trainer.generator, trainer.encoder])
    old_makers, old_judge = copy_of(makers), copy_of(trainer.discriminator)
    pairs = trainer.draw_pairs()
    trainer.update_joint_discriminator(pairs.detached())
    assert not any(moved(makers, old_makers))
    assert all(moved(trainer.discriminator, old_judge))
    old_judge = copy_of(trainer.discriminator)
    trainer.require_gradients(False)
    trainer.update_generator_and_encoder(pairs)
    trainer.require_gradients(True)
    assert all(moved(makers, old_makers))
    assert not any(moved(trainer.discriminator, old_judge))


@pytest.mark.parametrize("recipe", RECIPES[:2])
def test_both_makers_learn_to_fool_the_judge(recipe, images, monkeypatch):
    """The judge is held, and shown the same draws before and after: real images with inferred codes come to look
    made, and the other way round. Without its loss the encoder stays as it was.
    """

    def change(detached):
        trainer = trainer_of(dataclasses.replace(recipe, learning_rate=2e-3), images)
        trainer.discriminator.eval()
        if detached:
            monkeypatch.setattr(
                "bench.gans.ali.generator_encoder_loss",
                lambda inferred, made: joint_discriminator_loss(made, inferred.detach()),
            )
        trainer.require_gradients(False)
        state = trainer.run.rng.get_state()

        def looks():
            trainer.run.rng.set_state(state)
            return [trainer.critic(*pair).mean() for pair in halves(trainer.draw_pairs(for_generator=False))]

        before = looks()
        for _ in range(60):
            trainer.update_generator_and_encoder(trainer.draw_pairs())
        after = looks()
        return [float(new - old) for new, old in zip(after, before, strict=True)]

    inferred, made = change(detached=False)
    assert inferred < 0 < made
    assert abs(change(detached=True)[0]) < 0.1 * abs(inferred)


def halves(pairs):
    return (pairs.real, pairs.inferred), (pairs.made, pairs.codes)


@pytest.mark.parametrize("recipe", RECIPES)
def test_inferred_codes_are_random_only_if_the_encoder_is_gaussian(recipe, images):
    trainer = trainer_of(recipe, images)
    pairs = trainer.draw_pairs()
    torch.manual_seed(0)
    means = trainer.encoder(pairs.real)
    assert torch.equal(means, pairs.inferred) == (recipe.encoder == "deterministic")
    assert not any(part.requires_grad for part in trainer.draw_pairs(for_generator=False))


def test_the_cycle_is_the_mean_absolute_error_of_images_and_of_codes(images):
    trainer = trainer_of(ALICE(**SMALL, encoder="deterministic"), images)
    trainer.make = lambda codes: codes[:, :1, None, None].expand(-1, 1, 2, 2)
    trainer.infer = lambda x: (x.mean((2, 3)).repeat(1, 3), None)
    real, codes = torch.full((2, 1, 2, 2), 0.5), torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    pairs = JointSamples(real, torch.full((2, 3), 0.25), codes[:, :1, None, None].expand(-1, 1, 2, 2), codes)
    image_error, code_error = 0.25, (0 + 1 + 2) / 6
    assert float(trainer.cycle_error(pairs)) == pytest.approx(image_error + code_error)


def test_the_cycle_counts_by_its_weight(images):
    """ALICE without its term is ALI, to the bit; with it, it is not."""
    plain = train_gan(ALI(**SMALL), images, RunContext(budget(2), 0)).checksum()
    assert train_gan(ALICE(**SMALL, cycle=0.0), images, RunContext(budget(2), 0)).checksum() == plain
    few, many = (train_gan(ALICE(**SMALL, cycle=c), images, RunContext(budget(2), 0)).checksum() for c in (1.0, 2.0))
    assert len({plain, few, many}) == 3


@pytest.mark.parametrize("recipe", RECIPES)
def test_an_interrupted_training_resumes_bit_for_bit(recipe, images, tmp_path, monkeypatch):
    class Interrupted(Exception):
        pass

    class Cut(PairTrainer):
        def step(self, step):
            if step == 3:
                raise Interrupted
            super().step(step)

    def run() -> RunContext:
        return RunContext(budget(5), 3, checkpoint=tmp_path / "loop.pt", checkpoint_seconds=-1.0)

    whole = train_gan(recipe, images, RunContext(budget(5), 3))
    monkeypatch.setattr("bench.gans.ali.PairTrainer", Cut)
    with pytest.raises(Interrupted):
        train_gan(recipe, images, run())
    monkeypatch.undo()
    assert train_gan(recipe, images, run()).checksum() == whole.checksum()


@pytest.mark.parametrize("recipe", RECIPES)
def test_saved_networks_include_the_encoder(recipe, images, tmp_path):
    gan = train_gan(dataclasses.replace(recipe, discriminator_steps=2), images, RunContext(budget(1), 0))
    save_gan(gan, tmp_path / "gan.safetensors")
    loaded = load_gan(tmp_path / "gan.safetensors")
    assert loaded.checksum() == gan.checksum()
    x = images.floats(slice(0, 4))
    assert torch.equal(loaded.encode(x), gan.encode(x))


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(BenchError, match="pair_width = 0"):
        create("gan", "ali", {"pair_width": 0})
    with pytest.raises(BenchError, match="cycle = -1"):
        create("gan", "alice", {"cycle": -1.0})
    with pytest.raises(BenchError, match="encoder"):
        create("gan", "ali", {"encoder": "laplace"})
