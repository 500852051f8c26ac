import numpy as np
import pytest
import torch
from scipy import ndimage

from bench.gans.networks import fresh_copy
from bench.gans.style_layers import Blur, EqualConv2d, EqualLinear, MinibatchDeviation, PixelNorm, StyleLayer, adain


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_adain_gives_each_map_the_mean_and_deviation_of_its_style():
    scale, shift = normal(3, 5, seed=1), normal(3, 5, seed=2)
    styled = adain(7 + 3 * normal(3, 5, 16, 16), scale, shift)
    torch.testing.assert_close(styled.mean((2, 3)), shift, atol=1e-5, rtol=0)
    torch.testing.assert_close(styled.std((2, 3), correction=0), scale.abs(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("batch", [1, 2])
def test_the_gradient_of_adain_is_that_of_instance_norm(batch):
    x, flow = normal(batch, 4, 6, 6).double(), normal(batch, 4, 6, 6, seed=1).double()
    ones, zeros = torch.ones(batch, 4).double(), torch.zeros(batch, 4).double()
    expected = torch.func.vjp(lambda t: torch.nn.functional.instance_norm(t, eps=1e-8), x)[1](flow)[0]
    for layout in (torch.contiguous_format, torch.channels_last):
        found = torch.func.vjp(lambda t: adain(t, ones, zeros), x)[1](flow.to(memory_format=layout))[0]
        torch.testing.assert_close(found, expected)


def test_a_style_layer_takes_scale_and_shift_from_its_style():
    layer = StyleLayer(4, 5, 8, style=6, upsample=True).eval()
    with torch.no_grad():
        made, w = layer(normal(2, 4, 4, 4), normal(2, 6, seed=3)), normal(2, 6, seed=3)
        y = w @ layer.affine.weight.T / 6**0.5
    assert made.shape == (2, 5, 8, 8)
    torch.testing.assert_close(made.mean((2, 3)), y[:, 5:], atol=1e-5, rtol=0)
    torch.testing.assert_close(made.std((2, 3), correction=0), (1 + y[:, :5]).abs(), atol=1e-4, rtol=0)


@pytest.mark.parametrize("multiplier", [1.0, 0.01])
def test_equalised_layers_keep_variance_whatever_their_width(multiplier):
    torch.manual_seed(0)
    layers = [EqualLinear(300, 400, multiplier=multiplier), EqualLinear(20, 4000, 1.0, multiplier)]
    for layer, gain in zip(layers, (2.0, 1.0), strict=True):
        out = layer(normal(500, layer.weight.shape[1], seed=9))
        assert float(out.detach().var()) == pytest.approx(gain, rel=0.1)
    maps = EqualConv2d(50, 200, 3)(normal(4, 50, 12, 12, seed=9)).detach()
    assert float(maps[:, :, 1:-1, 1:-1].var()) == pytest.approx(2, rel=0.1)


def test_the_multiplier_slows_what_an_adam_step_changes():
    def moved(multiplier):
        layer = EqualLinear(16, 8, multiplier=multiplier)
        x = normal(4, 16)
        before = layer(x).detach()
        optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
        layer(x).sum().backward()
        optimizer.step()
        return float((layer(x) - before).detach().abs().mean())

    assert moved(0.01) == pytest.approx(0.01 * moved(1.0), rel=1e-2)


def test_pixel_norm_has_mean_square_one():
    codes = PixelNorm()(5 * normal(6, 512))
    torch.testing.assert_close(codes.square().mean(1), torch.ones(6))


def test_blur_is_the_binomial_filter():
    x = normal(1, 1, 7, 7)
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    expected = ndimage.convolve(x[0, 0].numpy(), kernel, mode="constant")
    np.testing.assert_allclose(Blur()(x)[0, 0], expected, atol=1e-6)


def test_minibatch_deviation_is_the_mean_deviation_of_each_group():
    x = normal(8, 3, 4, 4)
    out = MinibatchDeviation()(x)
    assert torch.equal(out[:, :3], x)
    for first in (0, 1):
        expected = x[first::2].numpy().std(0).mean()
        np.testing.assert_allclose(out[first::2, 3], expected, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 3, 5, 6])
def test_minibatch_deviation_serves_any_batch_and_sees_no_variety_in_equal_images(batch):
    out = MinibatchDeviation()(torch.ones(batch, 2, 4, 4))
    assert out.shape == (batch, 3, 4, 4)
    assert float(out[:, 2].abs().max()) <= 1.001e-4


def test_noise_is_fixed_in_eval_mode_and_drawn_from_the_global_generator_in_training():
    layer = StyleLayer(None, 3, 8, style=2).requires_grad_(False)
    layer.noise_weight += 1.0
    x, w = normal(2, 3, 8, 8), torch.zeros(2, 2)
    assert torch.equal(layer.eval()(x, w), layer(x, w))
    layer.train()
    torch.manual_seed(4)
    first, second = layer(x, w), layer(x, w)
    torch.manual_seed(4)
    assert torch.equal(layer(x, w), first)
    assert not torch.equal(first, second)


def test_a_fresh_copy_draws_equalised_weights_anew():
    old = torch.nn.Sequential(EqualConv2d(2, 64), EqualLinear(32, 32))
    fresh = fresh_copy(old)
    for layer, before in zip(fresh, old, strict=True):
        assert not torch.equal(layer.weight, before.weight)
        assert float(layer.weight.std()) == pytest.approx(1.0, rel=0.1)
