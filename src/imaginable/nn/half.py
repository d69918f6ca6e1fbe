"""A copy of networks that is only used, in bfloat16: twice as quick where the processor multiplies that natively."""

from __future__ import annotations

import copy
import itertools

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_eval

from imaginable.nn.equalised import EqualisedConvolution
from imaginable.nn.modulated import ModulatedConvolution

_LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def halved(networks: nn.Module) -> nn.Module:
    """For use under autocast. Batch norms go into the convolutions before them and scales at run time into weights,
    doublings to few channels become plain convolutions; what multiplies is bfloat16 and not converted at every use, all
    else stays float32."""
    networks = folded(networks)
    for layer in list(networks.modules()):
        for name, child in layer.named_children():
            if isinstance(child, ModulatedConvolution):
                layer.add_module(name, child.for_use())
    for layers in [module for module in networks.modules() if isinstance(module, nn.Sequential)]:
        for number, layer in enumerate(layers):
            if isinstance(layer, nn.ConvTranspose2d) and _doubles_to_few(layer):
                layers[number] = shuffled(layer)
    for layer in networks.modules():
        if isinstance(layer, EqualisedConvolution):
            layer.fold()
            layer.to(torch.bfloat16)
        # a weight that is worked out at its use is so in float32
        if isinstance(layer, _LAYERS) and not parametrize.is_parametrized(layer):
            layer.to(torch.bfloat16)
    return networks


def folded(networks: nn.Module) -> nn.Module:
    """A copy, for use only, in which every batch norm that follows a convolution in a sequence is part of it."""
    networks = copy.deepcopy(networks).eval().requires_grad_(False)
    for layers in [module for module in networks.modules() if isinstance(module, nn.Sequential)]:
        for number, (layer, norm) in enumerate(itertools.pairwise(list(layers))):
            plain = not parametrize.is_parametrized(layer)
            if isinstance(norm, nn.BatchNorm2d) and isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and plain:
                transposed = isinstance(layer, nn.ConvTranspose2d)
                layers[number] = fuse_conv_bn_eval(layer, norm, transposed)
                layers[number + 1] = nn.Identity()
    return networks


def _doubles_to_few(layer: nn.ConvTranspose2d) -> bool:
    """Whether the layer doubles a picture's sides as `shuffled` can, to so few channels that this is quicker: oneDNN
    fills up to 16 anyway, and there are four times as many. To 64 channels it takes twice as long."""
    geometry = layer.kernel_size, layer.stride, layer.padding, layer.output_padding, layer.dilation, layer.groups
    usual = geometry == ((4, 4), (2, 2), (1, 1), (0, 0), (1, 1), 1)
    return usual and layer.out_channels <= 4 and not parametrize.is_parametrized(layer)


def shuffled(layer: nn.ConvTranspose2d) -> nn.Module:
    """The same map of a transposed convolution (kernel 4, stride 2, padding 1): a convolution makes the four pixels of
    every 2 x 2 as channels (Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution", arXiv:1609.05158)."""
    into, out = layer.weight.shape[:2]
    flipped = layer.weight.flip(2, 3).transpose(0, 1)
    weight = layer.weight.new_zeros(out, 2, 2, into, 3, 3)
    for down in range(2):
        for right in range(2):  # each pixel sees 2 x 2 of the 3 x 3 around it, by every other row and column
            weight[:, down, right, :, down : down + 2, right : right + 2] = flipped[:, :, down::2, right::2]
    plain = nn.Conv2d(into, 4 * out, 3, padding=1, bias=layer.bias is not None, device=weight.device)
    plain.weight = nn.Parameter(weight.view(4 * out, into, 3, 3), requires_grad=False)
    if layer.bias is not None:
        plain.bias = nn.Parameter(layer.bias.repeat_interleave(4), requires_grad=False)
    return nn.Sequential(plain, nn.PixelShuffle(2))
