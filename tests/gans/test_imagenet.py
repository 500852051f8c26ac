"""ImageNet networks against torchvision, on random weights in the layout of the published files."""

import dataclasses

import pytest
import torch
from torch.nn.functional import interpolate
from torchvision import models

from bench.core.errors import NotApplicable, WeightsError
from bench.core.files import sha256
from bench.gans import imagenet_files
from bench.gans.features import FeaturePyramid, check_layers, open_network
from bench.gans.imagenet import open_imagenet

SHAPE = (3, 64, 64)
CHANNELS = {"vgg16": 512, "resnet34": 512, "resnet50": 2048, "resnet101": 2048}


def random_state(name):
    """He-normal convolutions; the unused classifier of VGG-16 repeats one zero, which keeps the file small."""
    rng = torch.Generator().manual_seed(len(name))
    with torch.device("meta"):
        shapes = getattr(models, name)(weights=None).state_dict()
    state = {}
    for key, tensor in shapes.items():
        if tensor.ndim == 4:
            state[key] = torch.randn(tensor.shape, generator=rng) * (2 / tensor[0].numel()) ** 0.5
        elif key.endswith(("running_var", "weight")) and tensor.ndim == 1:
            state[key] = torch.ones(tensor.shape) * 0.9
        else:
            state[key] = torch.zeros((), dtype=tensor.dtype).expand(tensor.shape)
    return state


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """``published(name)``: a torch home with a random file of that name, and what is in it; made once."""
    home, made = tmp_path_factory.mktemp("torch"), {}
    (home / "hub" / "checkpoints").mkdir(parents=True)

    def make(name):
        path = home / "hub" / "checkpoints" / imagenet_files.FILES[name].file
        if name not in made:
            made[name] = random_state(name)
            torch.save(made[name], path)
        return home, path, made[name]

    return make


@pytest.fixture
def pinned(published, monkeypatch):
    """``pinned(name)``: the random file is found and accepted; gives its path and what is in it."""

    def pin(name):
        home, path, state = published(name)
        monkeypatch.setenv("TORCH_HOME", str(home))
        known = dataclasses.replace(imagenet_files.FILES[name], sha256=sha256(path))
        monkeypatch.setitem(imagenet_files.FILES, name, known)
        return path, state

    return pin


def images(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def last_map(name, state, x):
    """What torchvision's own network gives before its classifier, of images in [-1, 1]."""
    with torch.device("meta"):
        network = getattr(models, name)(weights=None)
    network.load_state_dict(state, assign=True)
    network.eval()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((x.double() / 2 + 0.5 - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)).float()
    if name == "vgg16":
        return network.features(x)
    kept = torch.nn.Sequential(*list(network.children())[:-2])
    return kept(x)


@pytest.mark.parametrize("name", ["vgg16", "resnet34", "resnet101"])
@torch.no_grad()
def test_the_last_map_is_torchvision_s(name, pinned):
    _, state = pinned(name)
    x = images(2, 3, 96, 64)
    found = open_imagenet(name, SHAPE, "cpu").features(x, ("last",))[0]
    assert found.shape == (2, CHANNELS[name], 3, 2)
    expected = last_map(name, state, x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@torch.no_grad()
def test_small_images_are_enlarged_to_64_pixels_and_grey_ones_repeated(pinned):
    pinned("resnet34")
    network = open_imagenet("resnet34", (1, 28, 28), "cpu")
    x = images(2, 1, 28, 28)
    large = interpolate(x, size=(64, 64), mode="bilinear", align_corners=False).expand(-1, 3, -1, -1)
    torch.testing.assert_close(network.features(x, ("last",))[0], network.features(large, ("last",))[0])
    assert FeaturePyramid(network)(x).shape == (2, 512 * 2 * 2)


def test_a_network_is_frozen_but_lets_gradients_through_to_images(pinned):
    pinned("resnet34")
    before = torch.random.get_rng_state()
    network = open_imagenet("resnet34", SHAPE, "cpu")
    assert torch.equal(before, torch.random.get_rng_state()), "reading weights drew random numbers"
    x = images(1, 3, 64, 64).requires_grad_()
    network.features(x, ("layer1",))[0].sum().backward()
    assert float(x.grad.abs().max()) > 0
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())


def test_layers_have_names(pinned):
    pinned("resnet34")
    network = open_imagenet("resnet34", SHAPE, "cpu")
    assert network.layers == ("stem", "layer1", "layer2", "layer3", "layer4", "last")
    with pytest.raises(Exception, match="unknown resnet34 layer 'layer9'; did you mean 'layer"):
        check_layers("resnet34", network, ("layer9",))


def test_a_missing_file_is_named_with_its_places_and_address(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        open_imagenet("resnet50", SHAPE, "cpu")
    line = str(caught.value)
    assert "\n" not in line
    for part in (
        "resnet50-0676ba61.pth",
        str(tmp_path / "hub" / "checkpoints"),
        "https://download.pytorch.org/models",
    ):
        assert part in line


def test_an_altered_file_is_refused(published, monkeypatch):
    home, path, _ = published("resnet34")
    monkeypatch.setenv("TORCH_HOME", str(home))
    with pytest.raises(WeightsError, match=r"SHA-256 is .* expected b627a593bcbe") as caught:
        open_imagenet("resnet34", SHAPE, "cpu")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [{"conv1.weight": torch.zeros(3)}, b"no archive at all"])
def test_another_architecture_is_refused(content, monkeypatch, tmp_path):
    path = tmp_path / "hub" / "checkpoints" / imagenet_files.FILES["resnet34"].file
    path.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    known = dataclasses.replace(imagenet_files.FILES["resnet34"], sha256=sha256(path))
    monkeypatch.setitem(imagenet_files.FILES, "resnet34", known)
    with pytest.raises(WeightsError, match=path.name) as caught:
        open_imagenet("resnet34", SHAPE, "cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(2, 1, 1), (4, 32, 32)])
def test_what_is_no_picture_is_not_looked_at(shape):
    with pytest.raises(NotApplicable, match="grey or RGB"):
        open_imagenet("vgg16", shape, "cpu")


def test_published_checksums_begin_as_the_file_names_say():
    for file in imagenet_files.FILES.values():
        assert len(file.sha256) == 64
        assert file.sha256.startswith(file.file.removesuffix(".pth").rpartition("-")[2])


def test_a_gan_without_discriminator_has_no_features_of_its_own():
    from bench.core.types import Gan
    from bench.gans.priors import Normal

    with pytest.raises(NotApplicable, match="no discriminator"):
        open_network("discriminator", Gan(torch.nn.Identity(), None, Normal(2), SHAPE), "cpu")
