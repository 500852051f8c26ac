"""Errors of pixels as whole numbers: the sums are those of the pixels, and every value comes back bit for bit."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from bench.core.packed_values import ABSOLUTES, SQUARES, _log10, decode, encode, values_checksum
from bench.metrics import pixels

SHAPE = (3, 16, 16)
SIZE = math.prod(SHAPE)


def same_bits(one, other):
    return np.array_equal(np.asarray(one).view(np.int64), np.asarray(other).view(np.int64))


@pytest.fixture
def images():
    """Forty pairs from far apart to equal."""
    rng = np.random.default_rng(0)
    target = rng.integers(256, size=(40, *SHAPE))
    noise = rng.normal(size=target.shape) * np.geomspace(0.01, 100, 40)[:, None, None, None]
    return target.astype(np.uint8), np.clip(np.rint(target + noise), 0, 255).astype(np.uint8)


@pytest.fixture
def table(images):
    """What the metrics of pixels say of them."""
    pair = [torch.from_numpy(each) for each in images]
    values = {name: getattr(pixels, name)(*pair).numpy() for name in ("psnr", "mse", "mae")}
    return pd.DataFrame({"index": range(40), **values, "other": np.pi})


def test_the_sums_are_those_of_the_pixels(images, table):
    coded = encode(table, SIZE)
    difference = (images[0].astype(int) - images[1]).reshape(40, -1)
    assert coded[SQUARES].tolist() == (difference**2).sum(1).tolist()
    assert coded[ABSOLUTES].tolist() == abs(difference).sum(1).tolist()
    assert not coded["mse"].any()
    assert not coded["mae"].any()
    told = table["psnr"] < pixels.PSNR_CEILING
    assert 0 < told.sum() < len(told)
    assert abs(coded["psnr"][told]).max() <= 8  # units in the last place


@pytest.mark.parametrize("columns", [["psnr", "mse", "mae"], ["psnr"], ["mae", "mse"], []])
def test_values_come_back_bit_for_bit(table, columns):
    table = table[["index", *columns, "other"]]
    back = decode(encode(table, SIZE), list(table.columns), SIZE)
    assert list(back.columns) == list(table.columns)
    assert all(same_bits(back[c], table[c]) for c in [*columns, "other"])


@pytest.mark.parametrize("size", [0, SIZE])
def test_values_that_are_no_errors_of_pixels_come_back_too(size):
    rng = np.random.default_rng(1)
    wild = rng.integers(-(2**63), 2**63 - 1, size=1000).view(np.float64)
    odd = [math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 5e-324, 1.7e308]
    values = np.concatenate([wild, odd])
    table = pd.DataFrame({"psnr": values, "mse": values[::-1].copy(), "mae": values})
    back = decode(encode(table, size), ["psnr", "mse", "mae"], size)
    assert all(same_bits(back[c], table[c]) for c in table)


def test_values_of_another_type_are_left_alone():
    table = pd.DataFrame({"mse": np.float32([0.5, 0.25])})
    assert encode(table, SIZE).dtypes.tolist() == [np.float32]
    pd.testing.assert_frame_equal(decode(encode(table, SIZE), ["mse"], SIZE), table)


def test_the_logarithm_is_right_to_a_few_units_in_the_last_place():
    x = np.concatenate([np.geomspace(1e-300, 1e300, 3001), np.linspace(0.5, 2, 1001)])
    expected = np.array([math.log10(value) for value in x])
    error = abs(_log10(x) - expected)
    assert (error <= 4 * np.spacing(np.maximum(abs(expected), 0.25))).all()


def test_the_checksum_is_that_of_the_values_and_not_of_their_order_or_file(table, tmp_path):
    table = table.assign(track=["test"] * 30 + ["own"] * 10)
    expected = values_checksum(table)
    table.sample(frac=1, random_state=0)[sorted(table.columns)].to_parquet(tmp_path / "values.parquet")
    assert values_checksum(pd.read_parquet(tmp_path / "values.parquet")) == expected
    assert values_checksum(decode(encode(table, SIZE), list(table.columns), SIZE)) == expected
    for column in ("psnr", "other", "index"):
        changed = table.copy()
        changed[column] = changed[column].to_numpy(float)
        changed.loc[39, column] = np.nextafter(changed.loc[39, column], -1.0)
        assert values_checksum(changed) != expected
