"""Style mixing on a generator whose layers each draw one pixel, so that it is seen where a style comes from."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from bench.applications.mix import Mix, mix_styles
from bench.core.errors import DataError, NotApplicable
from bench.core.types import Gan, Inverter
from bench.gans.priors import Normal
from bench.gans.stylegan import StyleGenerator
from bench.gans.tiled import TiledGan
from bench.gans.tiling import Tiling

LAYERS = 4


class Pixels(StyleGenerator):
    """Layer k's style is pixel k; the mapping is the identity."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.mapping, self.layers = nn.Identity(), [None] * LAYERS
        self.constant = nn.Parameter(torch.zeros(1))

    def synthesise(self, styles: Tensor) -> Tensor:
        return styles.expand(-1, LAYERS, -1).reshape(len(styles), 1, 2, 2) + self.constant


@dataclass
class Of(Inverter):
    """Codes of one space: the first pixel, or all of them."""

    of: str = "z"

    @property
    def capacity(self) -> str:
        return self.of

    def invert(self, x: Tensor) -> Tensor:
        return x.flatten(1) if self.of == "w+" else x.flatten(1)[:, :1]


@pytest.fixture
def gan():
    return Gan(Pixels(), None, Normal(1), (1, 2, 2))


def pairs():
    """Images of one grey, so that a code of any space draws them."""
    return torch.tensor([-0.8, 0.8, -0.2, 0.4, 0.1]).view(5, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()


@pytest.mark.parametrize("space", ["z", "w", "w+"])
def test_the_first_layers_take_the_style_of_the_second_image(subject, gan, space):
    result = Mix().run(subject(pairs(), gan, Of(space)))
    rows = result.tables["Where styles come from"]
    assert list(rows["first layers"]) == [0, 1, 2, 3, 4]
    assert list(rows["pairs"]) == [2] * 5
    gaps = torch.tensor([1.6, 0.6])
    for k, row in enumerate(rows.itertuples()):
        far = [float((gaps * (n / LAYERS) ** 0.5).mean()) for n in (k, LAYERS - k)]
        assert (row[3], row[4]) == pytest.approx(far, abs=1e-6)
    assert list(rows["moved"])[::4] == pytest.approx([0.0, 1.0])
    first, second = result.strips
    assert list(first.captions) == ["image 1", "0 of 4", "1 of 4", "2 of 4", "3 of 4", "4 of 4", "image 2"]
    assert [int((image == image[0, 0, 0]).sum()) for image in first.images] == [4, 4, 1, 2, 3, 4, 4]
    assert len(second.captions) == 0


def test_numbers_of_layers_may_be_named(subject, gan):
    result = Mix(first=(1, 3)).run(subject(pairs(), gan, Of("w+")))
    assert list(result.tables["Where styles come from"]["first layers"]) == [1, 3]
    assert result.protocol == {"first": [1, 3], "layers": 4}


def test_styles_are_put_together_by_layer():
    one, two = torch.zeros(3, 4, 2), torch.ones(3, 4, 2)
    assert mix_styles(one, two, 3).sum((0, 2)).tolist() == [6, 6, 6, 0]


def test_what_cannot_be_mixed_is_said(subject, gan):
    with pytest.raises(NotApplicable, match=r"has no w\+ codes; it has z"):
        Mix().run(subject())
    with pytest.raises(DataError, match="first = 5: this generator has 4 layers"):
        Mix(first=(2, 5)).run(subject(pairs(), gan, Of("w")))
    with pytest.raises(NotApplicable, match="this method gives weights"):
        Mix().run(subject(pairs(), gan, Of("weights")))
    with pytest.raises(NotApplicable, match="draws whole images"):
        Mix().run(subject(torch.zeros(2, 1, 4, 4), TiledGan(gan, Tiling((1, 2, 2), 2, 2)), Of("z")))
    with pytest.raises(DataError, match="at least 2 images"):
        Mix().check(1, 1)
    with pytest.raises(NotApplicable, match="not tiles"):
        Mix().check(2, 4)
    for wrong in ((2, 1), (-1,), (1, 1)):
        with pytest.raises(ValueError, match="expected rising numbers"):
            Mix(first=wrong)
