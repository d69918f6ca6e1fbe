"""The networks of Radford, Metz & Chintala 2016 (DCGAN): strided convolutions and batch norm only."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from imaginable.nn.convolution import Convolution


def _initialise(module: nn.Module) -> None:
    """All weights from N(0, 0.02), section 4; scales of the batch norms from N(1, 0.02)."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)


def _widths(width: int, size: int) -> list[int]:
    """Channels from the picture's side down to 4 x 4, doubled at every halving: 64 px -> [w, 2w, 4w, 8w]."""
    return [width * 2**level for level in range((size // 4).bit_length() - 1)]


class DcganGenerator(nn.Module):
    """(n, latents) -> (n, c, size, size) in [-1, 1], float32. `width`: channels before the last layer."""

    def __init__(self, latents: int, shape: Sequence[int], width: int) -> None:
        super().__init__()
        wides = _widths(width, shape[-1])[::-1]
        layers: list[nn.Module] = [nn.ConvTranspose2d(latents, wides[0], 4, bias=False)]
        for before, after in itertools.pairwise(wides):
            layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True)]
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(wides[-1]), nn.ReLU(inplace=True)]
        layers += [nn.ConvTranspose2d(wides[-1], shape[0], 4, stride=2, padding=1)]
        self.layers = nn.Sequential(*layers)
        _initialise(self)

    def forward(self, z: Tensor) -> Tensor:
        codes = z[:, :, None, None].contiguous(memory_format=torch.channels_last)
        return torch.tanh(self.layers(codes).to(torch.float32))


def downwards(
    shape: Sequence[int], width: int, outputs: int, normalise: bool = True, bias: bool = True
) -> nn.Sequential:
    """From a picture (n, *shape) to (n, outputs, 1, 1). No batch norm on the first layer, section 3.

    normalise: False for no batch norm anywhere, and weights as He et al. 2015 draw them, since nothing else keeps the
    signal's size from layer to layer. bias: of the last layer.
    """
    wides = _widths(width, shape[-1])
    layers: list[nn.Module] = [Convolution(shape[0], wides[0], 4, stride=2, padding=1)]
    layers += [nn.LeakyReLU(0.2, inplace=True)]
    for before, after in itertools.pairwise(wides):
        layers += [Convolution(before, after, 4, stride=2, padding=1, bias=not normalise)]
        layers += [nn.BatchNorm2d(after) if normalise else nn.Identity(), nn.LeakyReLU(0.2, inplace=True)]
    layers += [Convolution(wides[-1], outputs, 4, bias=bias)]
    network = nn.Sequential(*layers)
    _initialise(network)
    if not normalise:
        for layer in network:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, 0.2)
    return network


class DcganDiscriminator(nn.Module):
    """(n, c, size, size) -> logits (n,), float32. normalise: False for a critic whose items must not influence each
    other, see `downwards`. bias: of the last layer; False where the loss only knows differences of logits and so cannot
    move it. judging: layers after the features; by default convolution, batch norm or nothing, leaky ReLU, and the last
    convolution: features of 8 x 8. 1: all but the last convolution, of 4 x 4.
    """

    def __init__(
        self, shape: Sequence[int], width: int, normalise: bool = True, bias: bool = True, judging: int = 4
    ) -> None:
        super().__init__()
        self.judging = judging
        self.layers = downwards(shape, width, 1, normalise, bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """What the layers before the last `judging` make of x, (n, channels, h, w), float32."""
        features: Tensor = self.layers[: -self.judging](x)
        return features.to(torch.float32)

    def judge(self, features: Tensor) -> Tensor:
        """Logits (n,) from them, float32."""
        logits: Tensor = self.layers[-self.judging :](features)
        return logits.to(torch.float32).flatten()
