"""Suspects: they learn what they should know, know nothing else, and are trained once."""

import math

import numpy as np
import pytest
import torch

from bench.core.errors import BenchError, DataError, Diverged, UnknownName
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.monitor import TrainingMonitor
from bench.gans.training import train_gan
from bench.harness.store import Store
from bench.overfit import reference_generators
from bench.overfit.reference_generators import Network, ReferenceGenerator, collapse, make_suspect, training_images
from bench.overfit.reference_glo import GLO, Codes
from bench.overfit.reference_pool import distinct, sizes_of, split_pool

TINY = Network(4, 4, 8)
GLO_TINY = GLO(width=4, code_dim=4, batch=8, learning_rate=1e-2, code_rate=0.1)


@pytest.fixture
def pool():
    """Forty boxes of different places, with labels 0 to 4."""
    rng = np.random.RandomState(0)
    data = np.zeros((40, 1, 28, 28), np.uint8)
    for image in data:
        top, left = rng.randint(2, 14, 2)
        image[0, top : top + 10, left : left + 10] = rng.randint(100, 256)
    return Images(torch.from_numpy(data), torch.arange(40) % 5)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def run_of(steps, seed=0, checkpoint=None):
    budget = Budget("test", 0, 0, 0, steps, 0, 0, 0, math.inf)
    return RunContext(budget, seed, checkpoint=checkpoint, checkpoint_seconds=0.0)


def test_glo_gives_each_training_image_a_code_from_which_it_is_made(pool):
    images, run = pool.first(8), run_of(50)
    run.reseed()
    gan = GLO_TINY.build(images.shape, "cpu")
    assert gan.discriminator is None
    trainer = Codes(gan, GLO_TINY, images, run, TrainingMonitor())
    trainer.train()
    gan.freeze()
    with torch.no_grad():
        codes = trainer.codes(torch.arange(8))
        errors = (gan.decode(codes) - images.floats(slice(None))).square().flatten(1).mean(1)
    torch.testing.assert_close(codes.norm(dim=1), torch.full((8,), 2.0))
    spread = images.floats(slice(None)).var(0, unbiased=False).mean()  # what the mean image leaves
    assert float(errors.mean()) < 0.5 * float(spread)


def test_glo_goes_on_bit_for_bit_where_it_was_cut_off(pool, tmp_path):
    whole = train_gan(GLO_TINY, pool, run_of(6))

    def stop(step):
        raise KeyboardInterrupt

    broken = run_of(6, checkpoint=tmp_path / "half")
    broken.reseed()
    trainer = Codes(GLO_TINY.build(pool.shape, "cpu"), GLO_TINY, pool, broken, TrainingMonitor())
    trainer.after_step = lambda step: stop(step) if step == 3 else None
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    assert 0 < torch.load(tmp_path / "half", weights_only=True)["step"] < 6
    resumed = train_gan(GLO_TINY, pool, run_of(6, checkpoint=tmp_path / "half"))
    assert resumed.checksum() == whole.checksum()
    assert train_gan(GLO_TINY, pool, run_of(6, seed=1)).checksum() != whole.checksum()


def test_glo_has_a_normal_prior():
    with pytest.raises(ValueError, match="sphere"):
        GLO(prior="uniform")


@pytest.mark.parametrize("family", ["glo", "copier", "gan"])
def test_a_suspect_is_trained_once_and_read_as_it_was(pool, store, family, monkeypatch):
    suspect = ReferenceGenerator(family, 16, 3, network=TINY)
    made = make_suspect(suspect, pool, store)
    assert made.discriminator is None
    assert made.encoder is None
    assert not any(p.requires_grad for p in made.generator.parameters())
    monkeypatch.setattr(reference_generators, "train_gan", lambda *parts: pytest.fail("trained twice"))
    assert make_suspect(suspect, pool, store).checksum() == made.checksum()
    with pytest.raises(pytest.fail.Exception):
        make_suspect(ReferenceGenerator(family, 17, 3, network=TINY), pool, store)


def test_a_training_that_failed_is_not_repeated(pool, store, monkeypatch):
    calls = []

    def diverge(*parts):
        calls.append(1)
        raise Diverged("loss is nan at step 1")

    monkeypatch.setattr(reference_generators, "train_gan", diverge)
    for _ in range(2):
        with pytest.raises(Diverged, match="nan at step 1"):
            make_suspect(ReferenceGenerator("gan", 16, 3, network=TINY), pool, store)
    assert len(calls) == 1


def test_a_suspect_sees_the_first_images_without_the_classes_that_it_lacks(pool):
    seen = training_images(ReferenceGenerator("gan", 10), pool)
    assert torch.equal(seen.data, pool.data[:10])
    seen = training_images(ReferenceGenerator("dropping", 20, without=(1, 3)), pool)
    assert torch.equal(seen.data, pool.data[:20][~torch.isin(pool.labels[:20], torch.tensor([1, 3]))])
    assert len(training_images(ReferenceGenerator("gan", 0), pool)) == 40


@pytest.mark.parametrize(
    ("suspect", "labels", "words"),
    [
        (ReferenceGenerator("gan", 41), True, "41 training images requested, 40 available"),
        (ReferenceGenerator("dropping", without=(1,)), False, "no labels"),
        (ReferenceGenerator("dropping", without=(7,)), True, "leaves out 0 of 40"),
        (ReferenceGenerator("dropping", without=(0, 1, 2, 3, 4)), True, "leaves out 40 of 40"),
    ],
)
def test_impossible_suspects_are_refused(pool, suspect, labels, words):
    with pytest.raises(DataError, match=words):
        training_images(suspect, pool if labels else Images(pool.data))


def test_names_and_options_that_contradict_each_other():
    assert [ReferenceGenerator("glo", 64).name, ReferenceGenerator("gan").name] == ["glo-64", "gan-all"]
    assert ReferenceGenerator("dropping", without=(1, 8)).name == "dropping-1-8"
    assert ReferenceGenerator("collapsed", kept=5).name == "collapsed-5"
    with pytest.raises(UnknownName, match="copier"):
        ReferenceGenerator("copyer")
    with pytest.raises(BenchError, match="kept"):
        ReferenceGenerator("gan", kept=1)
    with pytest.raises(BenchError, match="without"):
        ReferenceGenerator("dropping")


def test_a_collapsed_gan_makes_few_images_whatever_the_code(pool, store):
    honest = make_suspect(ReferenceGenerator("gan", 0, 4, network=TINY), pool, store)
    codes = honest.prior.sample(64, torch.Generator().manual_seed(1))
    with torch.no_grad():
        one = make_suspect(ReferenceGenerator("collapsed", 0, 4, kept=1, network=TINY), pool, store).decode(codes)
        few = collapse(honest, 3).freeze()
        images, kept = few.decode(codes), honest.decode(few.generator.rows)
    assert torch.equal(one, one[:1].expand_as(one))
    assert one.std(0).max() == 0
    assert one[0].std() > 0
    distance = torch.cdist(images.flatten(1), kept.flatten(1))
    close = distance.min(1).values < 0.05 * torch.pdist(kept.flatten(1)).min()
    assert close.float().mean() > 0.5  # .87 seen; next to none of a GAN's that has not collapsed
    assert set(distance.argmin(1).tolist()) == {0, 1, 2}


def test_the_pool_is_cut_at_random_and_nothing_is_on_both_sides(pool):
    parts = (pool.take(slice(0, 30)), pool.take(slice(20, 40)))  # ten images twice
    found = split_pool(parts, 12, seed=0)
    assert (len(found.train), len(found.unseen)) == (28, 12)
    rows = torch.cat([found.train.data, found.unseen.data]).flatten(1)
    assert len(torch.unique(rows, dim=0)) == 40
    known = {image.numpy().tobytes(): int(label) for image, label in zip(pool.data, pool.labels, strict=True)}
    assert all(
        known[i.numpy().tobytes()] == int(c) for i, c in zip(found.train.data, found.train.labels, strict=True)
    )
    assert not torch.equal(split_pool(parts, 12, seed=1).unseen.data, found.unseen.data)
    assert torch.equal(split_pool(parts, 12, seed=0).unseen.data, found.unseen.data)
    with pytest.raises(DataError, match="40 different images"):
        split_pool(parts, 40, seed=0)


def test_distinct_keeps_the_first_of_equals_in_order(pool):
    twice = pool.take(torch.tensor([3, 1, 3, 0, 1]))
    assert torch.equal(distinct(twice).data, pool.data[[3, 1, 0]])


def test_sizes_that_are_there():
    assert sizes_of((64, 4096, 0, 256), 1000) == (64, 256, 0)
    assert sizes_of((4096, 64), 1000) == (64, 0)
    assert sizes_of((256, 64), 1000) == (64, 256)
    with pytest.raises(DataError, match="at least one"):
        sizes_of((), 1000)
