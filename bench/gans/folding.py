"""Folding of batch norms into the layers before them, for searches that run a generator thousands of times."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_weights


def folded(network: nn.Module) -> nn.Module:
    """Return an equivalent network, up to rounding, with batch norms folded into the layers before them.

    In eval mode a batch norm is an affine map of each filter, which a convolution, or a linear layer whose output is
    unflattened to maps, can apply at no cost. Only plain ``nn.Sequential``s are folded, where the order of layers is
    that of computation; layers with hooks, of other classes, in train mode or with trainable weights stay.

    Args:
        network: not changed; the result shares the layers that stay.

    Returns:
        The network itself if there is nothing to fold.
    """
    if type(network) is not nn.Sequential or _watched(network):
        return network
    layers: list[nn.Module] = []
    for layer in map(folded, network):
        place = -2 if layers and isinstance(layers[-1], nn.Unflatten) else -1
        joined = _joined(layers[place:], layer)
        if joined is None:
            layers.append(layer)
        else:
            layers[place] = joined
    same = [id(layer) for layer in layers] == [id(layer) for layer in network]
    return network if same else nn.Sequential(*layers).eval()


def _joined(before: list[nn.Module], norm: nn.Module) -> nn.Module | None:
    """Return the first of one or two layers with the batch norm after them folded in; None if they do not match."""
    if not before or type(norm) is not nn.BatchNorm2d or norm.running_mean is None:
        return None
    host, direct = before[0], len(before) == 1
    for each in (host, norm):
        if each.training or _watched(each) or any(weight.requires_grad for weight in each.parameters()):
            return None
    if type(host) is nn.Linear and not direct:
        return _spread(host, norm)
    if type(host) is nn.Conv2d and direct:
        return fuse_conv_bn_eval(host, norm)
    if type(host) is nn.ConvTranspose2d and direct and host.groups == 1:
        return fuse_conv_bn_eval(host, norm, transpose=True)
    return None


def _spread(linear: nn.Linear, norm: nn.BatchNorm2d) -> nn.Linear:
    """Fold the batch norm of maps into the linear layer whose output they are, the pixels of each map in a row."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    pixels, merged = linear.out_features // norm.num_features, copy.deepcopy(linear)
    scale = torch.ones_like(norm.running_mean) if norm.weight is None else norm.weight
    shift = torch.zeros_like(norm.running_mean) if norm.bias is None else norm.bias
    mean, variance, factor, offset = (
        each.repeat_interleave(pixels) for each in (norm.running_mean, norm.running_var, scale, shift)
    )
    merged.weight, merged.bias = fuse_linear_bn_weights(
        linear.weight, linear.bias, bn_rm=mean, bn_rv=variance, bn_eps=norm.eps, bn_w=factor, bn_b=offset
    )
    return merged


def _watched(layer: nn.Module) -> bool:
    """Return whether hooks observe or change the layer's input or output."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks)
