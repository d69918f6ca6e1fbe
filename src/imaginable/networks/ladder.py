"""A hierarchy of codes: from a few small maps down to large ones, each drawn in the light of those before it.

Bidirectional inference: the encoder's way up is shared by all levels, and the posterior of a level sees both
the picture (from below) and the codes already drawn (from above), as in Sønderby et al. 2016 and Kingma et
al. 2016; residual and without normalisation as in Child 2021.

Codes are in units of their own prior: a level's latent map is z = m + s·u with m, s from the levels above and
u ~ N(0, I) a priori. So all codes together are one standard normal vector u, whatever the hierarchy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.networks.residual import Block, levels, widths

Draw = Callable[[Tensor, Tensor], Tensor]
"""mean and log variance of a level's posterior over u to the u that is used"""


class LadderEncoder(nn.Module):
    """(n, c, h, w) to a feature map for every size below the picture's, smallest first."""

    def __init__(self, shape: Sequence[int], width: int, blocks: int) -> None:
        super().__init__()
        channels = shape[0]
        self.stages = nn.ModuleList()
        for wide in widths(width, len(levels(shape[-1])) - 1):
            down = nn.Conv2d(channels, wide, 3, stride=2, padding=1)
            self.stages.append(nn.Sequential(down, *(Block(wide) for _ in range(blocks))))
            channels = wide

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features[::-1]


class Rung(nn.Module):
    """One latent map of `codes` channels at one size, and what it adds to the state (n, channels, h, w)."""

    def __init__(self, channels: int, codes: int) -> None:
        super().__init__()
        self.prior = nn.Conv2d(channels, 2 * codes, 3, padding=1)
        self.look = nn.Conv2d(2 * channels, channels, 3, padding=1)
        self.posterior = nn.Conv2d(channels, 2 * codes, 1)
        self.merge = nn.Conv2d(codes, channels, 1)
        self.after = Block(channels)
        for head in (self.prior, self.posterior):  # at first every level is N(0, I) and says nothing
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def infer(self, state: Tensor, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(u | codes above, x), (n, codes, h, w) each, float32."""
        seen = self.look(F.silu(torch.cat([state, feature], dim=1)))
        mean, log_variance = self.posterior(F.silu(seen)).to(torch.float32).chunk(2, dim=1)
        return mean, log_variance.clamp(-14, 14)

    def forward(self, state: Tensor, u: Tensor) -> Tensor:
        mean, log_deviation = self.prior(F.silu(state)).to(torch.float32).chunk(2, dim=1)
        z = mean + torch.exp(log_deviation.clamp(-7, 7)) * u
        out: Tensor = self.after(state + self.merge(z))
        return out


class LadderDecoder(nn.Module):
    """Codes u (n, numbers) to activations (n, c, h, w), float32; level by level from the smallest size.

    rungs: latent maps at every size; codes: channels of each.
    """

    def __init__(self, shape: Sequence[int], width: int, rungs: int, codes: int) -> None:
        super().__init__()
        self.sizes = levels(shape[-1])[::-1]
        wides = widths(width, len(self.sizes) - 1)[::-1]
        self.start = nn.Parameter(torch.zeros(1, wides[0], self.sizes[0], self.sizes[0]))
        self.stages = nn.ModuleList(nn.ModuleList(Rung(wide, codes) for _ in range(rungs)) for wide in wides)
        outs = [*wides[1:], max(8, width // 2)]
        self.ups = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in zip(wides, outs, strict=True)
        )
        self.last = nn.Conv2d(outs[-1], shape[0], 3, padding=1)
        self.maps = [(codes, size, size) for size in self.sizes[:-1] for _ in range(rungs)]

    @property
    def numbers(self) -> int:
        """Of all codes together."""
        return sum(math.prod(one) for one in self.maps)

    def forward(self, u: Tensor) -> Tensor:
        parts = iter(torch.split(u, [math.prod(one) for one in self.maps], dim=1))
        maps = iter(self.maps)

        def given(state: Tensor, rung: Rung, stage: int) -> Tensor:
            return next(parts).reshape(-1, *next(maps))

        return self._descend(len(u), given)

    def infer(self, features: list[Tensor], draw: Draw, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Goes down with u drawn from each level's posterior. u, posterior means and log variances, each
        (n, numbers), and the activations. features of one item serve n / items draws of it, draw-major."""
        drawn: list[Tensor] = []
        means: list[Tensor] = []
        log_variances: list[Tensor] = []

        def infer(state: Tensor, rung: Rung, stage: int) -> Tensor:
            feature = features[stage]
            if len(feature) != n:
                feature = feature.repeat(n // len(feature), 1, 1, 1)
            mean, log_variance = rung.infer(state, feature)
            u = draw(mean, log_variance)
            for found, value in zip((drawn, means, log_variances), (u, mean, log_variance), strict=True):
                found.append(value.flatten(1))
            return u

        activation = self._descend(n, infer)
        return torch.cat(drawn, 1), torch.cat(means, 1), torch.cat(log_variances, 1), activation

    def _descend(self, n: int, code: Callable[[Tensor, Rung, int], Tensor]) -> Tensor:
        state = self.start.expand(n, -1, -1, -1).contiguous(memory_format=torch.channels_last)
        for number, (rungs, up, size) in enumerate(zip(self.stages, self.ups, self.sizes[1:], strict=True)):
            for rung in cast(nn.ModuleList, rungs):
                assert isinstance(rung, Rung)
                state = rung(state, code(state, rung, number))
            state = up(F.interpolate(state, size=(size, size)))
        out: Tensor = self.last(F.silu(state))
        return out.to(torch.float32)
