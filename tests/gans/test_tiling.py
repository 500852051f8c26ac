import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core.errors import BenchError, DataError
from bench.core.options import create
from bench.core.types import Images
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.latent_spaces import in_latent_space
from bench.gans.tiled import Tiled, random_patches
from bench.gans.tiling import Tiling
from bench.harness.runner import run_cells
from bench.harness.suite import read_suite
from methods.reconstruction import count_calls

SUITE = """
title = "Tiles"
datasets = [{ name = "digits", side = 56 }]
seeds = [0]
rank_by = "psnr"
metrics = ["psnr", "code_mse"]
methods = ["random_code", "adam", { name = "encoder", space = "w" }, { name = "dfi", batch = 8 }]

[[gans]]
name = "tiled"
of = "invgan"
options = { width = 4, code_dim = 8, batch = 8 }
patches = 32

[budgets.smoke]
train_images = 32
test_images = 4
own_images = 2
train_steps = 2
fit_steps = 2
search_steps = 3
refine_steps = 1
timeout = 120
"""


@settings(max_examples=20)
@given(*(st.integers(1, 3) for _ in range(6)))
def test_join_undoes_cut(batch, channels, height, width, rows, columns):
    tiling = Tiling((channels, height, width), rows, columns)
    images = torch.rand(batch, *tiling.image)
    tiles = tiling.cut(images)
    assert tiles.shape == (batch * rows * columns, channels, height, width)
    assert torch.equal(tiling.join(tiles), images)
    assert torch.equal(tiling.cut(tiling.join(tiles)), tiles)


def test_tiles_go_row_by_row():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    tiles = Tiling((1, 2, 2), 2, 2).cut(image)
    assert tiles[1].flatten().tolist() == [2, 3, 6, 7]
    assert tiles[2].flatten().tolist() == [8, 9, 12, 13]


@pytest.mark.parametrize(
    ("image", "says"), [((1, 28, 42), "multiples"), ((3, 28, 28), "channels"), ((1, 14, 28), "expected 28x28")]
)
def test_images_that_do_not_fit_are_refused(image, says):
    with pytest.raises(DataError, match=says):
        Tiling.fitting((1, 28, 28), image)


@pytest.fixture
def built():
    recipe = Tiled(of="invgan", options={"width": 4, "code_dim": 8, "batch": 4})
    torch.manual_seed(0)
    return recipe.build((1, 56, 56), "cpu").freeze()


def test_a_tile_is_what_its_part_of_the_code_makes(built):
    z = built.prior.sample(3, torch.Generator().manual_seed(0))
    assert z.shape == (3, 32)
    whole = built.decode(z)
    assert whole.shape == (3, 1, 56, 56)
    assert torch.allclose(whole[:, :, :28, 28:], built.patches.decode(z[:, 8:16]), atol=1e-6)
    view = built.view("w")
    assert torch.allclose(view.decode(view.translate(z)), whole, atol=1e-6)
    assert torch.allclose(built.prior.log_prob(z), torch.distributions.Normal(0, 1).log_prob(z).sum(1), atol=1e-4)
    codes = built.encode(whole)
    assert torch.allclose(codes[:, 16:24], built.patches.encode(whole[:, :, 28:, :28]), atol=1e-6)


def test_calls_count_for_the_source_of_a_view(built):
    built.view("w").decode(torch.zeros(5, 32))
    assert built.calls == 5
    count_calls(built.view("w"), 3)
    assert built.calls == 8
    in_latent_space(built.view("w"), "weights").decode(
        torch.zeros(2, in_latent_space(built.view("w"), "weights").code_dim)
    )
    assert built.calls == 10


def test_maps_of_tiles_lie_side_by_side(built):
    x = torch.rand(2, 1, 56, 56) * 2 - 1
    (whole,) = built.discriminator.features(x, ["last"])
    (part,) = built.patches.discriminator.features(x[:, :, 28:, 28:], ["last"])
    side = part.shape[-1]
    assert torch.allclose(whole[:, :, side:, side:], part, atol=1e-6)
    logits = [built.patches.discriminator(x[:, :, a : a + 28, b : b + 28]) for a in (0, 28) for b in (0, 28)]
    assert torch.allclose(built.discriminator(x), torch.stack(logits).mean(0), atol=1e-6)


def test_a_file_gives_the_same_images(built, tmp_path):
    save_gan(built, tmp_path / "tiled.safetensors")
    again = load_gan(tmp_path / "tiled.safetensors")
    z = built.prior.sample(2, torch.Generator().manual_seed(1))
    assert torch.equal(again.decode(z), built.decode(z))
    assert again.checksum() == built.checksum()


def test_patches_are_parts_of_images():
    pixels = torch.arange(2 * 3 * 6 * 7, dtype=torch.uint8).view(2, 3, 6, 7)
    patches = random_patches(Images(pixels), (3, 4, 5), 200, torch.Generator().manual_seed(0))
    windows = pixels.unfold(2, 4, 1).unfold(3, 5, 1).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    found = (patches.data[:, None] == windows[None]).flatten(2).all(2)
    assert found.any(1).all()
    assert found.any(0).all(), "every place of both images"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"of": "cgan"}, "expected one of"),
        ({"rows": 0}, "1 or more"),
        ({"batch": 8}, "options = {batch"),
        ({"options": {"widht": 3}}, "did you mean 'width'"),
        ({"options": 3}, "expected a table"),
    ],
)
def test_options_that_are_wrong_are_one_line(options, says):
    with pytest.raises(BenchError, match=says):
        create("gan", "tiled", options)


def test_a_tiled_gan_passes_through_the_harness(tmp_path):
    path = tmp_path / "tiles.toml"
    path.write_text(SUITE)
    cells = read_suite(path).cells()
    records = dict(zip([c.method.name for c in cells], run_cells(cells), strict=True))
    assert {name: r.status for name, r in records.items()} == dict.fromkeys(records, "done"), [
        r.reason for r in records.values()
    ]
    assert records["adam"].facts["code_dim"] == 32
    assert records["encoder"].facts["capacity"] == "w"
    assert records["adam"].metrics["test"]["psnr"]["n"] == 4
