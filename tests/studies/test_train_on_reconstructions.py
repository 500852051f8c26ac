"""Classifiers that learn from reconstructions: average precision as scikit-learn has it, verdicts, what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from bench.core.errors import BenchError, DataError, UnknownName
from bench.core.types import Budget, Cell, ComponentSpec, FitData, Images
from bench.harness.context import HarnessContext
from bench.harness.store import Store
from bench.metrics.base import to_u8
from bench.metrics.label_classifier import LabelClassifierConfig
from bench.studies import reconstruction_scores, reconstruction_sets
from bench.studies.base import StudyRequest
from bench.studies.reconstruction_scores import SETS, Scores, average_precisions, draw, printed
from bench.studies.reconstruction_sets import draw_again, logits_of
from bench.studies.train_on_reconstructions import TrainOnReconstructions

FACES = ComponentSpec("drawn-faces", {"train": 30, "val": 10, "test": 20})
TINY = {"width": 2, "code_dim": 8, "batch": 8}
BUDGET = Budget("study", 0, 0, 1, 1, 1, 0, 0, timeout=600.0)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """A fifth of the bootstrap samples: intervals are nearly as long, and what is told apart lies further off."""
    monkeypatch.setattr(reconstruction_scores, "DRAWS", 200)


@pytest.mark.parametrize("levels", [0, 4], ids=["without ties", "with ties"])
def test_average_precision_is_scikit_learns_for_every_resample(rng, levels):
    truth, scores = rng.rand(80) < 0.3, rng.rand(80)
    if levels:
        scores = np.floor(scores * levels)
    counts = rng.poisson(1.0, (7, 80)).astype(np.uint8)
    found = average_precisions(truth, scores, counts)
    assert found == pytest.approx([average_precision_score(truth, scores, sample_weight=c) for c in counts])


def test_resamples_in_which_nobody_has_it_say_nothing():
    truth = np.array([True, False, False])
    assert np.isnan(average_precisions(truth, np.arange(3.0), np.array([[0, 2, 1]], np.uint8)))[0]


def scores_of(rng, noise):
    """Three sets of which each classifier tells more or less: noise by what it learnt from."""
    truth = rng.rand(1500, 4) < 0.3
    truth[:, 3] = True
    logits = np.stack([np.stack([truth + n * rng.normal(size=truth.shape)] * 3) for n in noise])
    return Scores.of(truth, logits, tuple("abcd"))


@pytest.mark.parametrize(
    ("noise", "expected"),
    [
        ((0.5, 1.0, 0.5), ["holds", "holds"]),
        ((0.2, 2.0, 1.0), ["fails", "holds"]),
        ((0.5, 0.5, 0.8), ["fails", "fails"]),
    ],
)
def test_c50_is_decided_on_originals(rng, noise, expected):
    found = scores_of(rng, noise)
    assert found.names == tuple("abc")
    assert [e.outcome for e in found.verdict().evidence] == expected
    assert found.verdict().published is True


def test_equal_classifiers_cannot_be_told_apart(rng):
    outcomes = [e.outcome for e in scores_of(rng, (0.6, 0.6, 0.6)).verdict().evidence]
    assert outcomes == ["holds", "cannot tell"]


def test_tables_hold_what_scikit_learn_finds_and_what_the_paper_prints(rng):
    found = scores_of(rng, (0.5, 1.0, 0.7))
    frame = found.frame().set_index(["learnt from", "looked at"])
    for (learnt, seen), row in frame.iterrows():
        each = found.values[SETS.index(learnt), SETS.index(seen)]
        assert row["map"] == pytest.approx(each.mean())
        assert row["sd_over_attributes"] == pytest.approx(each.std(ddof=1))
        assert row["map_low"] < row["map"] < row["map_high"]
    assert frame.loc[("tile", "original"), "published_CelebA"] == 0.77
    assert printed()["full", "full"] == (0.81, 0.14)
    assert list(found.by_attribute()["tile"]) == pytest.approx(found.values[1, 0])


def test_without_a_difference_there_is_nothing_to_tell():
    with pytest.raises(DataError, match="differ in no attribute"):
        Scores.of(np.ones((5, 2), bool), np.zeros((3, 3, 5, 2)), ("a", "b"))


@pytest.mark.parametrize(
    "gan", [ComponentSpec("invgan", TINY), ComponentSpec("tiled", {"of": "invgan", "options": TINY, "patches": 20})]
)
def test_images_are_drawn_again_with_what_is_true_of_them(own_home, gan, monkeypatch):
    from bench.datasets.catalogue import open_dataset
    from bench.harness.keys import keys_of
    from bench.harness.train_stage import train

    cell = Cell(FACES, gan, ComponentSpec("encoder", {"space": "w"}), 0, BUDGET, ())
    bench = HarnessContext(Store(), "cpu")
    images = open_dataset(FACES.name, FACES.options).load().test
    drawn = draw_again(bench, cell, images, "test")
    trained, _ = train(bench, cell, keys_of(cell))
    view = trained.view("w")
    with torch.no_grad():
        expected = to_u8(view.decode(trained.discriminator.encode(images.floats(slice(None)))))
    assert int((drawn.data.int() - expected.int()).abs().max()) <= 1
    assert torch.equal(drawn.attributes, images.attributes)
    assert drawn.attribute_names == images.attribute_names
    monkeypatch.setattr(reconstruction_sets, "invert_images", None)
    assert torch.equal(draw_again(bench, cell, images, "test").data, drawn.data)


def test_a_gan_of_smaller_images_draws_tile_by_tile(own_home):
    gan, method = ComponentSpec("invgan", TINY), ComponentSpec("encoder", {"space": "w"})
    small = Cell(ComponentSpec("digits", {"side": 32}), gan, method, 0, BUDGET, ())
    bench = HarnessContext(Store(), "cpu")
    images = Images(torch.randint(0, 256, (6, 1, 64, 64), generator=torch.Generator().manual_seed(0)).byte())
    drawn = draw_again(bench, small, images, "test")
    corner = draw_again(bench, small, Images(images.data[:, :, :32, 32:].contiguous()), "corner")
    assert int((drawn.data[:, :, :32, 32:].int() - corner.data.int()).abs().max()) <= 1
    odd = Images(torch.zeros(2, 1, 48, 48).byte())
    with pytest.raises(DataError, match="48"):
        draw_again(bench, small, odd, "test")


def test_a_classifier_is_trained_once(own_home, rng, monkeypatch):
    shades = torch.from_numpy(rng.randint(0, 2, 200))
    images = Images((shades * 200)[:, None, None, None].expand(-1, 1, 28, 28).byte().contiguous(), shades)
    data = FitData("shades", images, images.first(20), ("dark", "bright"))
    tests = {"same": images.first(50), "inverted": Images(200 - images.data[:50], images.labels[:50])}
    recipe, bench = LabelClassifierConfig(epochs=8, batch=20), HarnessContext(Store(), "cpu")
    logits = logits_of(bench, data, tests, recipe, 0)
    assert logits.shape == (2, 50, 2)
    right = [(each.argmax(1) == shades[:50]).float().mean().item() for each in logits]
    assert right == [1.0, 0.0]
    monkeypatch.setattr(reconstruction_sets, "train_classifier", None)
    assert torch.equal(logits_of(bench, data, tests, recipe, 0), logits)
    with pytest.raises(TypeError):
        logits_of(bench, data, tests, recipe, 1)


def test_what_the_gan_of_patches_learns_from_has_to_be_here(own_home):
    TrainOnReconstructions().check_stored()
    with pytest.raises(DataError, match="tile_dataset: dataset imagenet-patches is not here"):
        TrainOnReconstructions(tile_dataset="imagenet-patches").check_stored()


def test_it_runs_on_classes_too(own_home):
    tile = "tiled?of=invgan&options={width=2,code_dim=8,batch=8}&patches=20"
    options = {"full": "invgan?width=2&code_dim=8&batch=8", "tile": tile, "train_steps": 1, "train_images": 60}
    study = TrainOnReconstructions(**options, recipe="epochs=1&batch=30")
    result = study.run(StudyRequest(ComponentSpec("digits", {"side": 64}), images=40))
    assert result.verdicts[0].claim.id == "C50"
    assert len(result.tables["Mean average precision"]) == 9
    assert list(result.tables["Average precision on originals"]["attribute"]) == list("0123456789")
    assert result.protocol["train_images"] == 60
    figure = result.draw()
    assert [len(axes.images) for axes in figure.axes[:24]] == [1] * 24


def test_classes_are_ranked_by_their_share_not_by_bare_logits(own_home, rng, monkeypatch):
    """A number that is added to all logits of an image changes nothing that the classifier says."""
    logits = torch.from_numpy(rng.normal(size=(3, 40, 10)))
    found = []
    for shift in (0.0, 5.0):
        shifted = logits + shift * torch.from_numpy(rng.normal(size=(3, 40, 1)))
        monkeypatch.setattr(reconstruction_sets, "draw_again", lambda bench, cell, images, *_, **__: images)
        monkeypatch.setattr(reconstruction_sets, "logits_of", lambda *_, told=shifted, **__: told)
        result = TrainOnReconstructions().run(StudyRequest(ComponentSpec("digits", {"side": 64}), images=40))
        found.append(result.tables["Mean average precision"]["map"].to_numpy())
    assert found[0] == pytest.approx(found[1])


def test_the_figure_orders_attributes_by_what_originals_teach(rng):
    found = scores_of(rng, (0.5, 1.0, 0.7))
    shown = {name: np.zeros((2, 1, 8, 8), np.uint8) for name in SETS}
    *_, heat, right = draw(found, shown, "here").axes
    assert [float(text.get_text()) for text in heat.texts][:1] == pytest.approx([found.values[0, 0].mean()], abs=5e-4)
    originals = next(line for line in right.lines if line.get_label() == "original")
    assert list(originals.get_xdata()) == sorted(found.values[0, 0])


@pytest.mark.parametrize(
    ("options", "request_", "error", "words"),
    [
        ({}, StudyRequest(FACES, network="drawn-faces-cnn"), BenchError, "trains its own"),
        ({"train_images": 31}, StudyRequest(FACES), DataError, "train_images = 31: drawn-faces has 30"),
        ({"full": "invgam"}, StudyRequest(FACES), UnknownName, "did you mean 'invgan'"),
        ({"method": "encodr"}, StudyRequest(FACES), UnknownName, "did you mean 'encoder'"),
        ({"method": "encoder?spice=w"}, StudyRequest(FACES), UnknownName, "did you mean 'space'"),
        ({"full": "invgan?widht=2"}, StudyRequest(FACES), UnknownName, "--option full.*did you mean 'width'"),
        ({"tile": "tiled?off=invgan"}, StudyRequest(FACES), UnknownName, "--option tile.*unknown option 'off'"),
        ({"recipe": "epoch=1"}, StudyRequest(FACES), BenchError, "did you mean 'epochs'"),
        ({"train_steps": -1}, StudyRequest(FACES), ValueError, "must be 0 or more"),
    ],
)
def test_bad_input_is_named_before_anything_is_trained(own_home, options, request_, error, words):
    with pytest.raises(error, match=words):
        TrainOnReconstructions(**options).run(request_)
    if error is UnknownName:
        assert not (own_home / "data" / "drawn-faces").exists(), "told before images are drawn"
    assert not (own_home / "store" / "train").exists()
