"""Encoder and decoder between pictures and a grid of vectors, and an autoregressive model of such a grid's codes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imaginable.networks.residual import Block, widths


def grid_sizes(size: int, halvings: int) -> list[int]:
    """Sizes on the way down, halved and rounded up: 28, twice -> [28, 14, 7]."""
    sizes = [size]
    for _ in range(halvings):
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


class GridEncoder(nn.Module):
    """(n, c, size, size) -> (n, dimensions, grid, grid), float32."""

    def __init__(self, channels: int, dimensions: int, halvings: int, width: int, blocks: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for wide in widths(width, halvings):
            layers.append(nn.Conv2d(channels, wide, 3, stride=2, padding=1))
            layers += [Block(wide) for _ in range(blocks)]
            channels = wide
        self.layers = nn.Sequential(*layers, nn.SiLU(), nn.Conv2d(channels, dimensions, 1))

    def forward(self, x: Tensor) -> Tensor:
        grid: Tensor = self.layers(x)
        return grid.to(torch.float32)


class GridDecoder(nn.Module):
    """(n, dimensions, grid, grid) -> (n, c, size, size), float32."""

    def __init__(self, dimensions: int, shape: Sequence[int], halvings: int, width: int, blocks: int) -> None:
        super().__init__()
        self.sizes = grid_sizes(shape[-1], halvings)[-2::-1]
        wides = widths(width, halvings)[::-1]
        # the full size gets half the first width: it is where the time goes
        outs = [*wides[1:], max(8, width // 2)]
        self.stem = nn.Conv2d(dimensions, wides[0], 3, padding=1)
        self.stages = nn.ModuleList(nn.Sequential(*(Block(wide) for _ in range(blocks))) for wide in wides)
        self.ups = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in zip(wides, outs, strict=True)
        )
        self.last = nn.Conv2d(outs[-1], shape[0], 3, padding=1)

    def forward(self, grid: Tensor) -> Tensor:
        x = self.stem(grid.contiguous(memory_format=torch.channels_last))
        for stage, up, size in zip(self.stages, self.ups, self.sizes, strict=True):
            x = up(F.interpolate(stage(x), size=(size, size)))
        out: Tensor = self.last(F.silu(x))
        return out.to(torch.float32)


class Past:
    """Keys and values of the cells so far, of one layer."""

    def __init__(self) -> None:
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """All of them with the newest ones, (n, heads, so far, head)."""
        self.keys = keys if self.keys is None else torch.cat([self.keys, keys], dim=2)
        self.values = values if self.values is None else torch.cat([self.values, values], dim=2)
        return self.keys, self.values


class CausalBlock(nn.Module):
    """Attention to this cell and those before it, then a perceptron; (n, cells, width) -> the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // 32)
        self.before_attention, self.before_perceptron = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        for last in (self.merge, self.perceptron[-1]):  # deep stacks train when a branch starts at zero
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, past: Past | None = None) -> Tensor:
        x = x + self._attention(self.before_attention(x), past)
        branch: Tensor = self.perceptron(self.before_perceptron(x))
        return x + branch

    def _attention(self, x: Tensor, past: Past | None) -> Tensor:
        split = self.project(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, keys, values = split.unbind()  # (n, heads, cells, head) each
        if past is not None:  # the newest cell sees all there is
            keys, values = past.extend(keys, values)
        # written out: torch's fused attention takes four times as long for so few cells on a CPU
        scores = query @ keys.transpose(2, 3) * query.shape[3] ** -0.5  # (n, heads, cells, so far)
        if past is None:
            seen = torch.ones(scores.shape[2:], dtype=torch.bool, device=x.device).tril()
            scores = scores.masked_fill(~seen, -torch.inf)
        mixed = scores.softmax(3) @ values
        merged: Tensor = self.merge(mixed.transpose(1, 2).flatten(2))
        return merged


class GridPrior(nn.Module):
    """p(codes) = Π p(code of a cell | codes of all cells before it), row by row: a small causal transformer."""

    def __init__(self, codes: int, grid: int, width: int, layers: int) -> None:
        super().__init__()
        self.grid = grid
        self.start = nn.Parameter(0.02 * torch.randn(width))
        self.codes = nn.Embedding(codes, width)
        self.rows = nn.Parameter(0.02 * torch.randn(grid, 1, width))
        self.columns = nn.Parameter(0.02 * torch.randn(1, grid, width))
        self.blocks = nn.ModuleList(CausalBlock(width) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, codes))
        nn.init.normal_(self.codes.weight, std=0.02)

    def forward(self, indices: Tensor) -> Tensor:
        """Logits of every cell's code, given the true codes before it: (n, h, w) -> (n, codes, h, w), float32."""
        before = self.codes(indices.flatten(1)[:, :-1])
        first = self.start.expand(len(indices), 1, -1).to(before.dtype)
        x = torch.cat([first, before], dim=1) + self._places()  # (n, cells, width)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x).to(torch.float32)
        return logits.transpose(1, 2).reshape(len(indices), -1, self.grid, self.grid)

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Codes drawn one cell after the other, (n, h, w); a cell's keys and values are computed once."""
        pasts = [Past() for _ in self.blocks]
        x, drawn = self.start.expand(n, 1, -1), []
        for place in self._places():
            x = x + place
            for block, past in zip(self.blocks, pasts, strict=True):
                x = block(x, past)
            probabilities = self.head(x[:, 0]).to(torch.float32).softmax(1)
            code = torch.multinomial(probabilities.to(generator.device), 1, generator=generator).to(x.device)
            drawn.append(code)
            x = self.codes(code)
        return torch.cat(drawn, dim=1).view(n, self.grid, self.grid)

    def _places(self) -> Tensor:
        """What tells the cells apart, (cells, width)."""
        return (self.rows + self.columns).flatten(0, 1)
