"""What ties an encoder and a codebook together: van den Oord et al. 2017, equation 3, per item."""

from torch import Tensor

from imaginable.objectives.reconstruction import squared_error


def codebook_loss(encoded: Tensor, quantised: Tensor) -> Tensor:
    """Σ ‖sg[z_e(x)] - e‖² over the grid: draws the chosen entries to the vectors; no gradient to the encoder. (n,)"""
    return squared_error(encoded.detach(), quantised)


def commitment_loss(encoded: Tensor, quantised: Tensor) -> Tensor:
    """Σ ‖z_e(x) - sg[e]‖² over the grid: holds the vectors at their entries; no gradient to the codebook. (n,)"""
    return squared_error(encoded, quantised.detach())
