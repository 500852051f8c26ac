"""Random weights in the layout of the published files, and a generator whose codes are pixels."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from torch import nn

from bench.core.files import sha256
from bench.core.types import Gan, Images
from bench.gans.priors import Normal
from bench.metrics import weights


def _torchvision_state(name, seed):
    """Random trunk; the unused classifier repeats one zero, which keeps the file small."""
    from torchvision import models

    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        shapes = getattr(models, name)(weights=None).state_dict()
    state = {}
    for key, tensor in shapes.items():
        if key.startswith("features"):
            state[key] = torch.randn(tensor.shape, generator=generator) * (2 / max(1, tensor[0].numel())) ** 0.5
        else:
            state[key] = torch.zeros(1).expand(tensor.shape)
    return state


def _inception_state():
    from torch_fidelity import feature_extractor_inceptionv3 as module

    cls = module.FeatureExtractorInceptionV3
    torch.manual_seed(0)
    with mock.patch.object(module.torch, "load", return_value={}), mock.patch.object(cls, "load_state_dict"):
        return cls("random", ["2048"], feature_extractor_weights_path="nowhere").state_dict()


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory):
    """A torch home whose checkpoints are random, and the checksums of its files."""
    home = tmp_path_factory.mktemp("torch")
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    states = {
        "alex": _torchvision_state("alexnet", 1),
        "vgg": _torchvision_state("vgg16", 2),
        "inception": _inception_state(),
    }
    for name, state in states.items():
        torch.save(state, folder / weights.NETWORKS[name].file)
    return SimpleNamespace(home=home, folder=folder, states=states)


@pytest.fixture
def pinned_random_weights(random_weights, monkeypatch):
    """The random files, found in torch's folder and accepted by their own checksums."""
    monkeypatch.setenv("TORCH_HOME", str(random_weights.home))
    for name in random_weights.states:
        known = weights.NETWORKS[name]
        checksum = sha256(random_weights.folder / known.file)
        monkeypatch.setitem(weights.NETWORKS, name, dataclasses.replace(known, sha256=checksum))
    return random_weights


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    """A torch home without any file."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    return tmp_path / "empty" / "hub" / "checkpoints"


class Reshape(nn.Module):
    """A generator that lays its code out as an image."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, codes):
        return codes.view(-1, *self.shape)


@pytest.fixture
def pixel_gan():
    """Make a GAN for a shape whose code is the image."""

    def make(shape):
        dim = shape[0] * shape[1] * shape[2]
        return Gan(Reshape(shape), None, Normal(dim), shape).freeze()

    return make


def random_images(count, shape, seed=0, labels=False):
    """Uniform pixels with, if asked for, labels 0 … 9."""
    generator = torch.Generator().manual_seed(seed)
    data = torch.randint(256, (count, *shape), generator=generator, dtype=torch.uint8)
    return Images(data, torch.arange(count) % 10 if labels else None)


@pytest.fixture
def make_images():
    """``random_images`` for tests."""
    return random_images


READERS = '''
"""Feature networks without weights, which read their answers off the first pixels of an image."""

from dataclasses import dataclass

import torch

from bench.core.types import Embedding, FeatureExtractor
from bench.metrics.attributes import FACIAL
from bench.core.registry import features


class Reader(FeatureExtractor):
    loads = 0

    def protocol(self):
        return {"name": self.name}

    def load(self, device):
        Reader.loads += 1

    def embed(self, images_u8):
        flat = images_u8.flatten(1).float() - 127.5
        return Embedding(flat, (), flat[:, : len(self.attributes) or self.classes or None])


@features("faces")
@dataclass
class Faces(Reader):
    name, attributes = "faces", FACIAL


@features("ten")
@dataclass
class Ten(Reader):
    name, classes = "ten", 10


@features("mute")
@dataclass
class Mute(Reader):
    name, attributes = "mute", ("Bald", "Smiling")

    def embed(self, images_u8):
        return Embedding(images_u8.flatten(1).float())


@features("plain")
@dataclass
class Plain(Reader):
    name = "plain"
'''


@pytest.fixture
def readers(tmp_path):
    """Networks "faces" (13 attributes), "ten" (classes), "plain" (neither) and "mute", which breaks its word."""
    from bench.core.registry import add_plugin, load

    path = tmp_path / "readers.py"
    path.write_text(READERS)
    add_plugin(path)
    return load("features", "plain").__mro__[1]
