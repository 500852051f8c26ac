import pytest
import torch

from bench.core.errors import NotApplicable
from bench.gans.encoders import ConvolutionalEncoder, ResidualEncoder, centre_of, make_critic, shared_convolutions


@pytest.mark.parametrize(("side", "last"), [(28, 2), (32, 2), (64, 4)])
def test_parameter_counts_follow_from_icgan_s_table(side, last):
    """Convolutions without bias, batch norm of two numbers a filter; FC4096-BN, FC100 with bias."""
    encoder = ConvolutionalEncoder((3, side, side), 100, 4096)
    convolutions = 25 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256) + 2 * (32 + 64 + 128 + 256)
    heads = 256 * last**2 * 4096 + 2 * 4096 + 4096 * 100 + 100
    assert sum(p.numel() for p in encoder.parameters()) == convolutions + heads
    assert encoder(torch.zeros(2, 3, side, side)).shape == (2, 100)


def test_a_condition_joins_the_image():
    encoder = ConvolutionalEncoder((1, 28, 28), 5, 16, width=4, conditions=3).eval()
    x = torch.rand(2, 1, 28, 28)
    first, second = (encoder(x, y.expand(2, 3)) for y in (torch.zeros(3), torch.ones(3)))
    assert not torch.allclose(first, second)


def test_shared_convolutions_are_the_same_module():
    trunk = shared_convolutions(1, 2, 4)
    one, other = (ConvolutionalEncoder((1, 28, 28), n, 16, 4, trunk=trunk) for n in (5, 2))
    assert one.shared is other.shared is trunk
    assert len(one.own) == 2
    assert one(torch.zeros(2, 1, 28, 28)).shape == (2, 5)


def test_other_sizes_have_no_table():
    with pytest.raises(NotApplicable, match="48x48"):
        ConvolutionalEncoder((3, 48, 48), 5, 16)


@pytest.mark.parametrize("side", [8, 28, 32, 64])
def test_the_residual_encoder_starts_in_the_middle_of_the_codes(side):
    centre, scale = torch.tensor([3.0, -2.0]), torch.tensor([0.5, 2.0])
    encoder = ResidualEncoder((3, side, side), centre, scale, 4, 8).eval()
    with torch.no_grad():
        encoder.head.weight.zero_()
        assert torch.equal(encoder(torch.rand(2, 3, side, side)), centre.expand(2, 2))
        encoder.head.bias.fill_(1.0)
        assert torch.equal(encoder(torch.rand(2, 3, side, side)), (centre + scale).expand(2, 2))
    assert make_critic((3, side, side), 4, 8)(torch.rand(2, 3, side, side)).shape == (2, 1)


def test_the_widest_block_has_the_stated_filters():
    centre = torch.zeros(2)
    encoder = ResidualEncoder((1, 64, 64), centre, centre + 1, 4, 16)
    assert encoder.head.in_features == 16 * 4 * 4


def test_the_middle_of_codes_is_their_mean_and_spread():
    codes = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    mean, std = centre_of(codes)
    torch.testing.assert_close(mean, torch.tensor([2.0, 5.0]))
    torch.testing.assert_close(std, torch.tensor([2**0.5, 1e-6]))
