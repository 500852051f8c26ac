"""Attribute vectors, edits and swaps on generators whose answers are known."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from bench.applications.arithmetic import Arithmetic, flips
from bench.applications.editing import Conditions, Edit, Swap, followed, swaps
from bench.applications.measures import AttributeScorer, flipped
from bench.core.errors import DataError, NotApplicable, UnknownName
from bench.core.types import Embedding, FeatureExtractor, Gan, Images, Inverter
from bench.gans.condition_prior import ConditionPrior
from bench.gans.priors import Normal

NAMES = ("Eyeglasses", "Male", "Mustache")
COUNT = 60


@pytest.fixture
def faces(pictures):
    """Images whose attributes add fixed patterns: ``faces(count, seed)``; only men have a moustache."""
    patterns = pictures(3, seed=9) * 0.2

    def make(count: int = COUNT, seed: int = 0) -> Images:
        rng = torch.Generator().manual_seed(seed)
        attributes = torch.rand(count, 3, generator=rng) < 0.5
        attributes[:, 2] &= attributes[:, 1]
        x = torch.einsum("nk,kchw->nchw", attributes.float(), patterns)
        return Images(x, None, attributes, NAMES)

    make.patterns = patterns
    return make


def test_a_vector_is_the_mean_over_halves_of_differences_of_means(subject, faces):
    made = subject(faces(8, 1), train=faces())
    glasses, moustache, both = Arithmetic(attributes=("Eyeglasses", "Mustache"), strata="Male", per_mean=5).vectors(
        made
    )
    # Half of those with glasses are men with a moustache or not, so that means differ in it: least squares by hand.
    train = faces()
    has = train.attributes
    halves = []
    for male in (True, False):
        groups = [train.data[(has[:, 0] == on) & (has[:, 1] == male)][:5].flatten(1).mean(0) for on in (True, False)]
        halves.append(groups[0] - groups[1])
    assert torch.allclose(glasses.change[0], (halves[0] + halves[1]) / 2, atol=1e-6)
    assert glasses.strata.endswith("among images with Male and among images without Male, averaged")
    men = [train.data[has[:, 1] & (has[:, 2] == on)][:5].flatten(1).mean(0) for on in (True, False)]
    assert torch.allclose(moustache.change[0], men[0] - men[1], atol=1e-6)
    assert "too few images without Male" in moustache.strata
    assert torch.allclose(both.change, glasses.change + moustache.change)
    assert both.name == "Eyeglasses + Mustache"


def test_only_images_without_the_attribute_are_changed(subject, faces):
    images = faces(12, 1)
    result = Arithmetic(attributes=("Male",), per_mean=5, strength=0.0).run(subject(images, train=faces()))
    lacking = int((~images.attributes[:, 1]).sum())
    assert result.measured[0].startswith(f"{lacking} made images without Male")
    assert not result.tables
    assert "No table" in result.measured[-1]
    assert (result.strips[1].images == result.strips[2].images).all(), "no strength, no change"
    rows, _ = Arithmetic(attributes=("Eyeglasses", "Male")).lacking(subject(images))
    assert rows.tolist() == [i for i, (glasses, male, _) in enumerate(images.attributes) if not glasses and not male]


def test_classes_serve_as_attributes(subject, pictures):
    x, labels = pictures(40), torch.arange(40) % 2
    x[labels == 1] *= 0.1
    x[labels == 1] += 0.5
    made = subject(pictures(3), train=Images(x, labels))
    (vector,) = Arithmetic(attributes=("1",), per_mean=20).vectors(made)
    assert torch.allclose(vector.change, (x[labels == 1].mean(0) - x[labels == 0].mean(0)).view(1, -1), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"attributes": ("Eyeglases",)}, UnknownName, "did you mean 'Eyeglasses'"),
        ({"attributes": ("Eyeglasses",), "strata": "Mael"}, UnknownName, "did you mean 'Male'"),
        ({"attributes": ("Eyeglasses",), "per_mean": 59}, DataError, "--per-mean"),
    ],
)
def test_an_attribute_that_is_not_there_is_one_line(subject, faces, options, error, says):
    with pytest.raises(error, match=says) as raised:
        Arithmetic(**options).run(subject(faces(4, 1), train=faces()))
    assert len(str(raised.value).splitlines()) == 1


def test_images_without_facts_have_no_attributes(subject):
    with pytest.raises(NotApplicable, match="neither attributes nor labels"):
        Arithmetic(attributes=("Male",)).run(subject())


# ---------------------------------------------------------------------------------------- conditional GANs


class Corners(nn.Module):
    """The noise fills an image; attribute k lights block k of the first row."""

    def forward(self, codes):
        image = (codes[:, :1] * 0.2).view(-1, 1, 1, 1).expand(-1, 1, 12, 12).clone()
        for k in range(3):
            image[:, :, :4, 4 * k : 4 * k + 4] = codes[:, 1 + k].view(-1, 1, 1, 1) * 1.8 - 0.9
        return image


@dataclasses.dataclass
class Reader(Inverter):
    """The exact inverse of ``Corners``."""

    def invert(self, x):
        blocks = [x[:, 0, 0, 4 * k] > 0 for k in range(3)]
        return torch.stack([x[:, 0, 11, 11] / 0.2, *(b.float() for b in blocks)], 1)


class Lit(FeatureExtractor):
    """Says which blocks are lit."""

    name = "lit"
    attributes = NAMES

    def protocol(self):
        return {}

    def load(self, device):
        pass

    def embed(self, images_u8):
        return Embedding(images_u8.flatten(1).float(), (), images_u8[:, 0, 0, [0, 4, 8]].float() - 127.5)


@pytest.fixture
def conditional(subject):
    gan = Gan(Corners(), None, ConditionPrior(Normal(1), 3), (1, 12, 12))
    rng = torch.Generator().manual_seed(0)
    attributes = torch.rand(10, 3, generator=rng) < 0.5
    codes = torch.cat([torch.rand(10, 1, generator=rng) * 2 - 1, attributes.float()], 1)
    x = gan.decode(codes)
    images = Images(x, None, attributes, NAMES)
    return subject(images, gan=gan, method=Reader(), train=images), codes


def test_an_edit_turns_one_attribute_over_and_keeps_the_noise(conditional):
    made, codes = conditional
    conditions = Conditions.of(made, made.invert(made.x))
    assert torch.allclose(
        conditions.code(conditions.changed(1)),
        codes * torch.tensor([1.0, 1, 0, 1])
        + torch.cat([torch.zeros(10, 2), 1 - codes[:, 2:3], torch.zeros(10, 1)], 1),
        atol=1e-5,
    )
    result = Edit(attributes=("Male",)).run(made)
    before, after = result.strips[1].images, result.strips[2].images
    assert [strip.name for strip in result.strips] == ["image", "inverted", "± Male"]
    assert (before[:, 0, 0, 4] > 127).tolist() == (after[:, 0, 0, 4] < 127).tolist()
    assert (before[..., 8:] == after[..., 8:]).all()


def test_the_table_of_edits_counts_flips_and_what_is_kept(conditional):
    made, codes = conditional
    scorer = AttributeScorer("lit", Lit(), NAMES)
    conditions = Conditions.of(made, codes)
    plain, target = made.decode(codes), conditions.changed(0)
    half = target.clone()
    half[5:] = codes[5:, 1:]  # an edit that did nothing to half of the images
    edited = {"Eyeglasses": made.decode(conditions.code(half))}
    row = followed(scorer, plain, edited, {"Eyeglasses": target[:, 0] > 0.5}).iloc[0]
    assert (row["so before"], row["flipped"], row["others kept"]) == (0.0, 0.5, 1.0)
    with pytest.raises(NotApplicable, match="does not predict 'Young'"):
        followed(scorer, plain, {"Young": plain}, {"Young": target[:, 0] > 0.5})


def test_the_table_of_vectors_counts_flips(conditional):
    made, _ = conditional
    z, off = torch.zeros(4, 1), torch.zeros(4, 3)
    plain = made.decode(torch.cat([z, off], 1))
    on = off.clone()
    on[:3, 0], on[0, 2] = 1, 1
    row = flips(
        AttributeScorer("lit", Lit(), NAMES),
        ("Eyeglasses",),
        plain,
        {"Eyeglasses": made.decode(torch.cat([z, on], 1))},
    )
    assert row.loc[0, ["seen before", "flipped", "others kept"]].tolist() == [0.0, 0.75, 7 / 8]


def test_images_that_show_all_that_is_asked_for_already_are_no_flips(conditional):
    made, _ = conditional
    before, after = torch.zeros(4, 3), torch.zeros(4, 3)
    before[0, :2] = before[1, 0] = 1  # both, one, none, none of the first two
    after[:3, :2] = 1
    scorer = AttributeScorer("lit", Lit(), NAMES)
    plain, edited = (made.decode(torch.cat([torch.zeros(4, 1), y], 1)) for y in (before, after))
    both = dict.fromkeys(NAMES[:2], torch.ones(4, dtype=torch.bool))
    assert flipped(scorer, scorer.predict(plain), edited, both) == (0.25, pytest.approx(2 / 3), 1.0)
    already, done, _ = flipped(
        scorer, scorer.predict(edited[:1]), edited[:1], {name: both[name][:1] for name in both}
    )
    assert already == 1
    assert math.isnan(done), "none was left to flip"


def test_a_swap_gives_each_the_attributes_of_the_other(conditional):
    made, codes = conditional
    result = Swap().run(made)
    inverted, swapped = result.strips[1].images, result.strips[2].images
    assert (swapped[0][:, :4] == inverted[1][:, :4]).all(), "the first row of blocks shows the attributes"
    assert (swapped[0][:, 5:] == inverted[0][:, 5:]).all(), "the rest shows the noise"
    conditions = Conditions.of(made, codes)
    donors = codes[:, 1:].unflatten(0, (5, 2)).flip(1).flatten(0, 1)
    plain = made.decode(codes)
    rows = swaps(
        AttributeScorer("lit", Lit(), NAMES), conditions, donors, plain, made.decode(conditions.code(donors))
    )
    assert rows.set_index("images").loc["swapped"].tolist() == [1.0, 1.0]
    assert rows.set_index("images").loc["inverted", "as donor"] == 0.0


def test_a_class_takes_the_place_of_another(subject):
    gan = Gan(Corners(), None, ConditionPrior(Normal(1), 3), (1, 12, 12))
    codes = torch.cat([torch.zeros(6, 1), torch.eye(3).repeat(2, 1)], 1)
    images = Images(gan.decode(codes), torch.arange(6) % 3)
    made = subject(images, gan=gan, method=Reader(), train=images)
    result = Edit(attributes=("2",)).run(made)
    assert result.strips[2].name == "= 2"
    assert (result.strips[2].images[:, 0, 0, [0, 4, 8]] > 127).tolist() == [[False, False, True]] * 6
    with pytest.raises(UnknownName, match="unknown attribute or class '7'"):
        Edit(attributes=("7",)).run(made)


def test_a_gan_without_conditions_cannot_be_edited(subject, faces):
    for application in (Edit(), Swap()):
        with pytest.raises(NotApplicable, match="no conditions"):
            application.run(subject(faces(4)))
    with pytest.raises(NotApplicable, match="own size"):
        Swap().check(4, 4)
