"""A copy of networks that is only used, in bfloat16: twice as quick where the processor multiplies that natively."""

from __future__ import annotations

import copy
import itertools

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_eval

_LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def halved(networks: nn.Module) -> nn.Module:
    """For use under autocast. Batch norms go into the convolutions before them; what multiplies is bfloat16 and not
    converted at every use, all else stays float32."""
    networks = folded(networks)
    for layer in networks.modules():
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
