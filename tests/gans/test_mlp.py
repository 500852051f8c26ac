import pytest
import torch
from torch import nn

from bench.core.errors import BenchError, NotApplicable
from bench.core.options import create
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.mlp import MLP
from bench.gans.monitor import TrainingMonitor, save_grid
from bench.gans.training import train_gan


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_points_and_features_have_the_stated_shapes(dim):
    gan = MLP(width=16).build((dim, 1, 1), "cpu").freeze()
    points = gan.decode(gan.prior.sample(3, torch.Generator().manual_seed(0)))
    assert points.shape == (3, dim, 1, 1)
    assert gan.discriminator.layers == ("hidden1", "hidden2", "last")
    assert gan.features(points, ("hidden1", "last")).shape == (3, 32)
    assert torch.equal(gan.features(points, ("hidden2",)), gan.features(points))
    assert gan.discriminator(points).shape == (3,)


def test_each_network_has_three_fully_connected_layers():
    gan = MLP().build((2, 1, 1), "cpu")
    sizes = [(m.in_features, m.out_features) for m in gan.generator.modules() if isinstance(m, nn.Linear)]
    assert sizes == [(2, 128), (128, 128), (128, 2)]
    assert sum(p.numel() for p in gan.generator.parameters()) == 2 * 128 + 128**2 + 4 * 128 + 128 * 2 + 2
    assert sum(p.numel() for p in gan.discriminator.parameters()) == 3 * 128 + 128**2 + 2 * 128 + 129


def test_outputs_are_not_bounded():
    gan = MLP(width=16).build((2, 1, 1), "cpu").freeze()
    assert float(gan.decode(1e3 * torch.ones(1, 2)).abs().max()) > 1.0


def test_the_discriminator_sees_where_a_batch_lies():
    torch.manual_seed(0)
    discriminator = MLP(width=32).build((2, 1, 1), "cpu").discriminator.train()
    points = torch.randn(64, 2, 1, 1)
    with torch.no_grad():
        assert not torch.allclose(discriminator(points), discriminator(points + 3), atol=0.01)


@pytest.mark.parametrize("shape", [(1, 28, 28), (2, 1, 2)])
def test_images_are_refused(shape):
    with pytest.raises(NotApplicable, match=f"mlp draws points, images of 1x1; these are {shape[1]}x{shape[2]}"):
        MLP().build(shape, "cpu")


def test_wrong_options_are_refused():
    with pytest.raises(BenchError, match="width"):
        create("gan", "mlp", {"width": 0})


def test_training_draws_points_over_those_of_the_data(tmp_path):
    images = Images(torch.randn(500, 2, 1, 1, generator=torch.Generator().manual_seed(0)))
    grid = tmp_path / "grid.png"
    gan = train_gan(
        MLP(width=16, batch=32),
        images,
        RunContext(Budget("tiny", 0, 0, 0, 5, 0, 0, 0, 60.0), 1),
        TrainingMonitor(grid),
    )
    assert png_size(grid) == (512, 512)
    save_gan(gan, tmp_path / "gan.safetensors")
    z = gan.prior.sample(9, torch.Generator().manual_seed(0))
    assert torch.equal(load_gan(tmp_path / "gan.safetensors").decode(z), gan.decode(z))


def test_points_on_a_line_are_drawn_as_grey_pixels(tmp_path):
    gan = MLP(width=16).build((1, 1, 1), "cpu").freeze()
    save_grid(gan, tmp_path / "grid.png", 0, Images(torch.randn(8, 1, 1, 1)))
    assert (tmp_path / "grid.png").stat().st_size > 0


def png_size(path):
    from PIL import Image

    with Image.open(path) as image:
        assert len(image.convert("RGB").getcolors(512 * 512)) > 3  # axes, real and generated points
        return image.size
