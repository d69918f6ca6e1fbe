"""The generator of Akcay, Atapour-Abarghouei & Breckon 2018 (GANomaly): a picture's code, the picture from it, and the
code of that picture. The parts are DCGAN's."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from imaginable.networks.dcgan import DcganGenerator, downwards


class DcganEncoder(nn.Module):
    """(n, c, size, size) -> codes (n, latents), any numbers, float32: DCGAN's discriminator with more outputs."""

    def __init__(self, shape: Sequence[int], latents: int, width: int) -> None:
        super().__init__()
        self.layers = downwards(shape, width, latents)

    def forward(self, x: Tensor) -> Tensor:
        codes: Tensor = self.layers(x)
        return codes.to(torch.float32).flatten(1)


class EncoderDecoderEncoder(nn.Module):
    """G_E, G_D and E of the paper, one player. forward: x -> G_E(x), G(x) = G_D(G_E(x)), E(G(x))."""

    def __init__(self, shape: Sequence[int], latents: int, width: int) -> None:
        super().__init__()
        self.encoder = DcganEncoder(shape, latents, width)
        self.decoder = DcganGenerator(latents, shape, width)
        self.second_encoder = DcganEncoder(shape, latents, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code = self.encoder(x)
        rebuilt = self.decoder(code)
        return code, rebuilt, self.second_encoder(rebuilt)
