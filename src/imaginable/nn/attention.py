"""Self-attention over the positions of a picture's features.

Zhang et al. 2019, "Self-Attention Generative Adversarial Networks", arXiv:1805.08318, section 3.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """x + γ v(softmax(f(x)ᵀ g(x)) h(x)), (n, channels, height, width) -> the same; γ is learned and starts at 0.

    f, g, h, v are 1 x 1 convolutions without bias, f and g to an eighth of the channels, h to a half, as in the
    authors' code, which also halves the sides of g and h by max pooling: a position looks at a quarter as many.
    f and g are called queries and keys here, h values. Products are not divided by the root of their length.

    constrained: what is done to each convolution.
    """

    def __init__(self, channels: int, constrained: Callable[[nn.Conv2d], nn.Conv2d]) -> None:
        super().__init__()

        def pointwise(before: int, after: int) -> nn.Conv2d:
            layer = nn.Conv2d(before, after, 1, bias=False)
            nn.init.xavier_uniform_(layer.weight)
            return constrained(layer)

        narrow, half = max(1, channels // 8), max(1, channels // 2)
        self.queries = pointwise(channels, narrow)
        self.keys = pointwise(channels, narrow)
        self.values = pointwise(channels, half)
        self.last = pointwise(half, channels)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        queries = _positions(self.queries(x))
        keys, values = (_positions(F.max_pool2d(layer(x), 2)) for layer in (self.keys, self.values))
        attended = F.scaled_dot_product_attention(queries, keys, values, scale=1.0)  # (n, h w, channels / 2)
        branch: Tensor = self.last(attended.mT.reshape(len(x), -1, *x.shape[2:]))
        return x + self.gamma * branch


def _positions(x: Tensor) -> Tensor:
    """(n, channels, h, w) -> (n, h w, channels)."""
    return x.flatten(2).mT
