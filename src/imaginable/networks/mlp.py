"""Fully connected networks, for small pictures and for points."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Mlp(nn.Module):
    """Layers of the given widths with the activation between them; any item shape in, `out_shape` out.

    The output is float32 whatever the precision inside. bias: of the last layer; False where the loss only knows
    differences of outputs and so cannot move it.
    """

    def __init__(
        self,
        widths: Sequence[int],
        out_shape: Sequence[int],
        activation: type[nn.Module] = nn.ReLU,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.out_shape = tuple(out_shape)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), activation()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], math.prod(out_shape), bias=bias))

    def forward(self, x: Tensor) -> Tensor:  # (n, *any) -> (n, *out_shape)
        flat = x.reshape(len(x), -1)
        out: Tensor = self.layers(flat)
        return out.to(torch.float32).reshape(len(x), *self.out_shape)
