"""FAC, Anet's accuracy and F1, and mAP against scikit-learn, through networks that read pixels; and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score

from bench.core.errors import ContractError
from bench.core.types import Images
from bench.gans.condition_prior import ConditionPrior
from bench.gans.priors import Normal
from bench.metrics.attributes import FACIAL, f1_scores
from bench.metrics.evaluation import evaluate, open_metrics

SIDE = 4


def faces(count=50, names=FACIAL, seed=0, wrong=0.0):
    """Images whose first pixels are bright where the attribute is there, and dark where it is not; some lie."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.rand(count, len(names), generator=generator) < 0.4
    shown = truth ^ (torch.rand(truth.shape, generator=generator) < wrong)
    data = torch.randint(0, 100, (count, 1, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    data.flatten(1)[:, : len(names)] += shown.to(torch.uint8) * 150
    return Images(data, None, truth, tuple(names))


def measured(pixel_gan, images, names, codes=None, track="test", gan=None):
    codes = images.floats(slice(None)).flatten(1) if codes is None else codes
    truth = codes if track == "own" else None
    gan = gan or pixel_gan((1, SIDE, SIDE))
    return evaluate(gan, images, codes, open_metrics(names), track=track, true_codes=truth, device="cpu", batch=7)


def test_fac_is_the_share_of_annotated_attributes_that_reconstructions_show(pixel_gan, readers):
    images, lying = faces(), faces(wrong=0.2)
    codes = lying.floats(slice(None)).flatten(1)
    result = measured(pixel_gan, images, ["fac@faces"], codes)
    shown = lying.data.flatten(1)[:, :13] > 127
    expected = (shown == images.attributes).float().mean(1)
    np.testing.assert_allclose(result.per_image["fac@faces"], expected, rtol=1e-6)
    assert result.summaries["fac@faces"]["value"] == pytest.approx(expected.mean().item())
    assert result.summaries["fac@faces"]["ceiling"] == 1.0
    assert 0.7 < expected.mean() < 0.9


def test_the_ceiling_is_what_the_classifier_has_right_on_targets(pixel_gan, readers):
    images = faces(wrong=0.3)
    summary = measured(pixel_gan, images, ["fac@faces"]).summaries["fac@faces"]
    assert summary["value"] == pytest.approx(summary["ceiling"])
    assert summary["ceiling"] < 0.8


def test_columns_are_matched_by_name_and_not_by_place(pixel_gan, readers):
    images = faces()
    order = [12, *range(12)]
    names = ("Smiling", *(FACIAL[i] for i in order))
    mixed = Images(images.data, None, torch.cat([torch.zeros(50, 1).bool(), images.attributes[:, order]], 1), names)
    assert measured(pixel_gan, mixed, ["fac@faces"]).summaries["fac@faces"]["value"] == 1.0


@pytest.mark.parametrize(
    ("metric", "images", "reason"),
    [
        ("fac@faces", Images(torch.zeros(3, 1, SIDE, SIDE, dtype=torch.uint8)), "the images have no attributes"),
        ("fac@faces", faces(3, ("Bald", "Male")), "the images lack the attributes Bangs, Black_Hair, Blond_Hair, "),
        ("fac@mute", faces(3), "mute lacks the attributes Bangs, Black_Hair, "),
        ("fac@ten", faces(3), "ten lacks the attributes Bald, "),
        ("map@ten", faces(3), "ten predicts no attributes, and the images have no labels"),
        ("map@faces", faces(3, ("Smiling",)), "faces predicts none of the images' attributes, and "),
        (
            "map@ten",
            Images(torch.zeros(3, 1, SIDE, SIDE, dtype=torch.uint8), torch.tensor([0, 5, 10])),
            "ten classifies 10 classes, the labels go up to 10",
        ),
    ],
)
def test_what_cannot_be_asked_has_a_reason(pixel_gan, readers, metric, images, reason):
    result = measured(pixel_gan, images, [metric], torch.zeros(3, SIDE * SIDE))
    assert result.skipped[metric].startswith(reason)
    assert result.summaries == {}


def test_a_network_that_gives_no_logits_is_named(pixel_gan, readers):
    with pytest.raises(ContractError, match="'mute' states 2 logits an image, gave none"):
        measured(pixel_gan, faces(3, ("Bald", "Male")), ["map@mute"])


def test_map_is_scikit_learns_average_precision_and_leaves_out_what_no_target_has(pixel_gan, readers):
    images = faces()
    images.attributes[:, 4] = False
    codes = faces(wrong=0.25).floats(slice(None)).flatten(1)
    summary = measured(pixel_gan, images, ["map@faces"], codes).summaries["map@faces"]
    scores = (codes[:, :13] * 127.5).numpy()
    found = [average_precision_score(images.attributes[:, k].numpy(), scores[:, k]) for k in range(13) if k != 4]
    assert summary == pytest.approx(
        {"value": np.mean(found), "sd": np.std(found), "attributes": 12, "left_out": 1, "n": 50}
    )


def test_map_of_labels_takes_each_class_against_the_rest(pixel_gan, readers):
    labels = torch.arange(40) % 4
    data = torch.randint(256, (40, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    summary = measured(pixel_gan, Images(data, labels), ["map@ten"]).summaries["map@ten"]
    scores = (data.flatten(1)[:, :10].float() - 127.5).log_softmax(1).numpy()
    found = [average_precision_score((labels == k).numpy(), scores[:, k]) for k in range(4)]
    assert (summary["value"], summary["left_out"]) == (pytest.approx(np.mean(found)), 6)


def test_images_that_are_all_alike_have_no_map(pixel_gan, readers):
    images = faces(4)
    images.attributes[:] = True
    result = measured(pixel_gan, images, ["map@faces"])
    assert result.skipped == {"map@faces": "no attribute is there in some images and absent in others"}


def test_anet_compares_a_conditional_gans_images_with_what_was_asked(pixel_gan, readers):
    images = faces(60, wrong=0.1)
    result = measured(pixel_gan, images, ["anet_accuracy@faces", "anet_f1@faces", "fac@faces"], track="own")
    shown = images.data.flatten(1)[:, :13] > 127
    assert result.summaries["anet_accuracy@faces"]["value"] == pytest.approx(
        (shown == images.attributes).float().mean().item()
    )
    each = [f1_score(images.attributes[:, k], shown[:, k]) for k in range(13)]
    assert result.summaries["anet_f1@faces"] == pytest.approx({"value": np.mean(each), "sd": np.std(each), "n": 60})
    assert result.skipped == {"fac@faces": "not on the own track"}


def test_anet_of_labels_is_the_share_of_right_classes(pixel_gan, readers):
    data = torch.zeros(20, 1, SIDE, SIDE, dtype=torch.uint8)
    asked = torch.arange(20) % 10
    data.flatten(1)[torch.arange(20), torch.where(asked == 3, 4, asked)] = 200
    result = measured(pixel_gan, Images(data, asked), ["anet_accuracy@ten"], track="own")
    assert result.summaries["anet_accuracy@ten"]["value"] == 0.9


def test_undefined_ratios_count_as_one():
    truth = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 0]]).bool()
    seen = torch.tensor([[0, 1, 0, 1], [0, 0, 0, 1]]).bool()
    # Never there and never seen: 1. Seen once, never there: precision 0, recall 1. Never seen: precision 1, recall 0.
    assert f1_scores(truth, seen).tolist() == pytest.approx([1, 0, 0, 2 * 0.5 / 1.5])


def test_a_conditional_code_ends_in_what_it_asks_for():
    prior = ConditionPrior(Normal(3), 2)
    codes = torch.arange(10.0).view(2, 5)
    assert torch.equal(prior.noise_of(codes), codes[:, :3])
    assert torch.equal(prior.conditions_of(codes), codes[:, 3:])
    assert torch.equal(Normal(5).noise_of(codes), codes)
    assert Normal(5).conditions_of(codes) is None
