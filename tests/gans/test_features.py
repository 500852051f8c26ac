"""What methods see of images, against numpy by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from bench.core.errors import NotApplicable, UnknownName
from bench.core.types import Gan, Images
from bench.gans import features
from bench.gans.dcgan import DCGAN
from bench.gans.features import FeaturePyramid, check_layers, open_network, with_batch_statistics

SHAPE = (1, 28, 28)


@pytest.fixture(scope="module")
def gan():
    torch.manual_seed(0)
    return DCGAN(width=2, code_dim=3).build(SHAPE, "cpu").freeze()


@pytest.fixture(scope="module")
def images():
    return Images(torch.randint(256, (50, *SHAPE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8))


@pytest.fixture(scope="module")
def x(images):
    return images.floats(slice(0, 5))


@pytest.fixture(scope="module")
def maps(gan, x):
    with torch.no_grad():
        found = gan.discriminator.features(x, ("actv14", "actv7", "actv4"))
    return dict(zip(("actv14", "actv7", "actv4"), (m.numpy() for m in found), strict=True))


def test_the_default_is_the_flattened_last_map(gan, x):
    view = FeaturePyramid(open_network("discriminator", gan, "cpu"))
    assert torch.equal(view(x), gan.features(x))
    assert view.size(gan, "cpu") == 8 * 4 * 4


def test_global_means_of_layers_are_appended_in_order(gan, x, maps):
    found = FeaturePyramid(gan.discriminator, gap=("actv7", "actv14"))(x)
    expected = [maps["actv4"].reshape(5, -1), maps["actv7"].mean((2, 3)), maps["actv14"].mean((2, 3))]
    np.testing.assert_allclose(found, np.concatenate(expected, 1), rtol=1e-5, atol=1e-6)


def test_the_last_map_may_be_averaged(gan, x, maps):
    found = FeaturePyramid(gan.discriminator, last="gap")(x)
    np.testing.assert_allclose(found, maps["actv4"].mean((2, 3)), rtol=1e-5, atol=1e-6)


def test_a_layer_is_pooled_to_r_by_r_means(gan, x, maps):
    found = FeaturePyramid(gan.discriminator, gap=("actv7",), pool=2, pool_layer="actv14")(x)
    pooled = maps["actv14"].reshape(5, 2, 2, 7, 2, 7).mean((3, 5)).reshape(5, -1)
    expected = [maps["actv4"].reshape(5, -1), maps["actv7"].mean((2, 3)), pooled]
    np.testing.assert_allclose(found, np.concatenate(expected, 1), rtol=1e-5, atol=1e-6)


def test_pooling_to_one_by_one_is_the_global_mean(gan, x):
    pooled, mean = (
        FeaturePyramid(gan.discriminator, pool=1, pool_layer="actv7"),
        FeaturePyramid(gan.discriminator, gap=("actv7",)),
    )
    torch.testing.assert_close(pooled(x), mean(x))


def test_a_map_is_not_pooled_to_more_than_it_has(gan, x):
    with pytest.raises(NotApplicable, match="pool = 8 is larger than the 7 x 7 map of actv7"):
        FeaturePyramid(gan.discriminator, pool=8, pool_layer="actv7")(x)


def test_an_unknown_layer_is_refused_with_the_nearest(gan):
    with pytest.raises(UnknownName, match="unknown discriminator layer 'actv77'; did you mean 'actv7'"):
        check_layers("discriminator", gan.discriminator, ("actv14", "actv77"))


@pytest.mark.parametrize("batch", [8, 25, 64])
def test_a_table_holds_the_features_of_every_image(gan, images, batch):
    view = FeaturePyramid(gan.discriminator)
    table = view.table(images, batch, draws=51)
    torch.testing.assert_close(table, view(images.floats(slice(None))))


def test_a_table_is_made_only_if_it_pays_and_fits(gan, images, monkeypatch):
    view = FeaturePyramid(gan.discriminator)
    assert view.table(images, 8, draws=50) is None
    monkeypatch.setattr(features, "TABLE_BYTES", 50 * 128 * 4)
    assert view.table(images, 8, draws=51) is not None
    monkeypatch.setattr(features, "TABLE_BYTES", 50 * 128 * 4 - 1)
    assert view.table(images, 8, draws=51) is None


def test_batch_statistics_are_those_of_the_batch_and_leave_the_network_alone(gan, x):
    before = gan.checksum()
    found = with_batch_statistics(gan.discriminator).features(x, ("actv7",))[0]
    convolution, norm, activation = gan.discriminator.trunk.stages["actv7"]
    assert isinstance(norm, nn.BatchNorm2d)
    raw = convolution(gan.discriminator.features(x, ("actv14",))[0])
    mean, variance = raw.mean((0, 2, 3), keepdim=True), raw.var((0, 2, 3), keepdim=True, unbiased=False)
    torch.testing.assert_close(found, activation((raw - mean) / (variance + norm.eps).sqrt()))
    assert gan.checksum() == before


def test_a_discriminator_without_named_layers_has_no_features(gan):
    bare = Gan(gan.generator, nn.Linear(4, 1), gan.prior, SHAPE)
    with pytest.raises(NotApplicable, match="no named layers"):
        open_network("discriminator", bare, "cpu")
