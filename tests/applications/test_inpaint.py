"""In-painting: only visible pixels count, masks that do not fit are refused."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from bench.applications.inpaint import Inpaint
from bench.applications.masked import MaskedGan, hide
from bench.applications.pictures import read_folder, read_mask
from bench.core.errors import DataError
from bench.core.types import Gan
from bench.gans.priors import Normal

SHAPE = (1, 12, 12)


class Linear(nn.Module):
    """x = A z: inversion from some of the pixels is a least-squares problem."""

    def __init__(self) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.register_buffer("a", torch.linalg.qr(torch.randn(144, 5, generator=rng)).Q * 3)

    def forward(self, z):
        return (z @ self.a.T).view(-1, *SHAPE)


@pytest.fixture
def linear():
    return Gan(Linear(), None, Normal(5), SHAPE)


@pytest.fixture
def visible():
    mask = torch.ones(1, 12, 12, dtype=torch.bool)
    mask[:, 2:9, 3:11] = False
    return mask


@pytest.mark.parametrize("method", ["lm", "lbfgs", "adam", "random_code+lbfgs"])
def test_a_search_solves_for_visible_pixels_alone(subject, pictures, linear, visible, method):
    x = pictures(3)
    made = subject(x, gan=linear, method=method)
    codes = made.invert_visible(hide(x, visible, 0.25), visible, 0.25)
    rows = visible.flatten()
    expected = torch.linalg.lstsq(linear.generator.a[rows], x.flatten(1)[:, rows].T).solution.T
    assert torch.allclose(codes, expected, atol=5e-3)
    whole = torch.linalg.lstsq(linear.generator.a, x.flatten(1).T).solution.T
    assert (expected - whole).abs().max() > 0.05, "hidden pixels would have made a difference"
    assert torch.allclose(made.invert(x), whole, atol=5e-3), "afterwards all pixels count again"


def test_images_that_the_generator_made_are_filled_in_exactly(subject, linear):
    z = torch.randn(4, 5, generator=torch.Generator().manual_seed(3)) * 0.3
    x = linear.decode(z).detach()
    rows = Inpaint(square=6).run(subject(x, gan=linear, method="lm")).tables["Errors"].set_index("image")
    assert rows.loc["decoded", "error hidden"] < 1e-9
    assert rows.loc["composed", "error visible"] == 0
    visible = torch.ones(1, 12, 12, dtype=torch.bool)
    visible[:, 3:9, 3:9] = False
    mean = x[:, 0, visible[0]].mean(1)
    naive = ((x[:, 0, 3:9, 3:9] - mean[:, None, None]) ** 2).mean()
    assert rows.loc["mean fill", "error hidden"] == pytest.approx(float(naive), rel=1e-5)


def test_an_encoder_sees_hidden_pixels_filled(subject, pictures):
    x = pictures(2)
    rows = Inpaint(square=6, fill=-1.0).run(subject(x)).tables["Errors"].set_index("image")
    hidden = x[:, :, 3:9, 3:9]
    assert rows.loc["decoded", "error hidden"] == pytest.approx(float((hidden + 1).square().mean()), rel=1e-5)
    assert rows.loc["decoded", "error visible"] < 1e-12
    assert rows.loc["nothing hidden", "error hidden"] < 1e-12


def test_each_tile_has_its_own_part_of_the_mask(subject, pictures):
    x = pictures(2, side=24)
    made = subject(x)
    visible = torch.ones(1, 24, 24, dtype=torch.bool)
    visible[:, 5:15, 10:20] = False
    given = hide(x, visible, 0.0)
    assert torch.allclose(made.decode(made.invert_visible(given, visible, 0.0)), given)
    rows = Inpaint().run(made).tables["Errors"].set_index("image")
    assert rows.loc["decoded", "error visible"] < 1e-12


def test_calls_of_a_masked_gan_count_for_its_source(linear, visible):
    masked = MaskedGan(linear, visible)
    masked.decode(torch.zeros(7, 5))
    assert linear.calls == masked.calls == 7
    assert masked.checksum() == linear.checksum()
    assert isinstance(masked.view("z"), MaskedGan)


def test_the_square_lies_where_the_seed_says(subject):
    centre = Inpaint(square=4).visible(subject())
    assert torch.equal((~centre[0]).nonzero().min(0).values, torch.tensor([4, 4]))
    places = {
        tuple((~Inpaint(square=4, place="random").visible(subject(seed=s))[0]).nonzero()[0].tolist())
        for s in range(8)
    }
    assert len(places) > 3
    with pytest.raises(DataError, match="--square 12: nothing"):
        Inpaint(square=12).visible(subject())


def write(path, array):
    Image.fromarray(array).save(path)
    return path


def test_masks_show_what_is_light(tmp_path, subject):
    pixels = np.full((12, 12), 255, np.uint8)
    pixels[:4] = 90
    path = write(tmp_path / "mask.png", pixels)
    assert torch.equal(read_mask(path, SHAPE)[0], torch.from_numpy(pixels == 255))
    result = Inpaint(mask=str(path)).run(subject())
    assert result.protocol["hidden"] == 48


def test_masks_that_do_not_fit_are_one_line(tmp_path):
    cases = {
        "is 10x12 pixels .* the images are 12x12": write(tmp_path / "a.png", np.zeros((10, 12), np.uint8)),
        "hides everything": write(tmp_path / "b.png", np.zeros((12, 12), np.uint8)),
        "hides nothing": write(tmp_path / "c.png", np.full((12, 12), 255, np.uint8)),
        "no such file": tmp_path / "none.png",
    }
    torn = tmp_path / "torn.png"
    torn.write_bytes(b"\x89PNG\r\n\x1a\n")
    for says, path in (cases | {"cannot be read as an image": torn}).items():
        with pytest.raises(DataError, match=says) as error:
            read_mask(path, SHAPE)
        assert len(str(error.value).splitlines()) == 1


def test_images_of_a_folder_are_scaled_squares_in_the_order_of_names(tmp_path):
    for name, level in (("b.png", 200), ("a.png", 50)):
        write(tmp_path / name, np.full((20, 30), level, np.uint8))
    images, names = read_folder(tmp_path, SHAPE)
    assert names == ["a.png", "b.png"]
    assert images.data[:, 0, 0, 0].tolist() == [50, 200]
    assert images.shape == SHAPE
    (tmp_path / "c.png").write_text("no picture")
    with pytest.raises(DataError, match=r"cannot use 'c\.png'"):
        read_folder(tmp_path, SHAPE)
    with pytest.raises(DataError, match="3 images, 9 were requested"):
        read_folder(tmp_path, SHAPE, 9)
