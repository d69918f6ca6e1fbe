"""How fast StyleGAN3's filtered leaky ReLU is against the same filters step by step, on one CPU thread.

    python benchmarks/filtered.py [--rounds 7]

Step by step: zeros between the pixels, a depthwise convolution along either axis, the non-linearity, two more, every
few pixels kept; a radial filter is one convolution with all of it. Float32 and NCHW, as ports have it that need no CUDA
kernels. Both take turns in one process; times are medians of process CPU time, ratios medians of the rounds' ratios
with quartiles. Rows: all layers of a generator for 64 px with the widths of the preset small, and single layers of the
authors' generator for 256 px.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from imaginable.core import fast
from imaginable.networks.stylegan3_layers import Stage, stages
from imaginable.nn.equalised import GAIN, SLOPE
from imaginable.nn.filtered import HEADROOM, TAPS, FilteredLeakyReLU
from imaginable.nn.low_pass import low_pass, radial_low_pass

Layer = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Row:
    """The layers to these stages, of pictures of so many pixels."""

    made: list[Stage]
    batch: int
    only: int | None = None
    """this layer alone"""
    rotates: bool = False

    def layers(self) -> list[tuple[Layer, Layer, Tensor]]:
        """Step by step, ours, and what goes in."""
        found: list[tuple[Layer, Layer, Tensor]] = []
        pairs = list(itertools.pairwise([self.made[0], *self.made]))
        for before, after in pairs if self.only is None else [pairs[self.only]]:
            size = before.size + (0 if self.rotates else 2)
            radial = self.rotates and not after.critical
            x = torch.randn(self.batch, after.channels, size, size)
            found.append((StepByStep(size, before, after, radial), FilteredLeakyReLU(size, before, after, radial), x))
        return found


ROWS = {
    "T, 64 px, small, all 10 layers, batch 16": Row(stages(64, 10, 256, 64), 16),
    "R, 64 px, small, all 8 layers, batch 4": Row(stages(64, 8, 512, 128), 4, rotates=True),
    "T, 256 px, authors', layer 4, batch 4": Row(stages(256, 14, 4096, 512), 4, 4),
    "T, 256 px, authors', layer 10, batch 2": Row(stages(256, 14, 4096, 512), 2, 10),
    "T, 256 px, authors', layer 12, batch 2": Row(stages(256, 14, 4096, 512), 2, 12),
}


class StepByStep:
    """The same as FilteredLeakyReLU."""

    def __init__(self, size: int, before: Stage, after: Stage, radial: bool) -> None:
        rate = HEADROOM * max(before.rate, after.rate)
        self.up, self.down = rate // before.rate, rate // after.rate
        self.radial = radial
        self.first = self._taps(self.up * low_pass(TAPS * self.up, before.cutoff, before.half_width, rate))
        design = radial_low_pass if radial else low_pass
        self.second = self._taps(design(TAPS * self.down, after.cutoff, after.half_width, rate))
        wanted = (after.size - 1) * self.down + 1 + (TAPS * self.up - 1) + (TAPS * self.down - 1)
        low = (wanted - size * self.up + self.up) // 2
        self.around = [low, wanted - size * self.up - low] * 2

    def _taps(self, values: object) -> Tensor:
        return torch.tensor(values, dtype=torch.float32)

    def __call__(self, x: Tensor) -> Tensor:
        sparse = x.new_zeros(*x.shape[:2], x.shape[2], self.up, x.shape[3], self.up)
        sparse[:, :, :, 0, :, 0] = x
        sparse = sparse.view(*x.shape[:2], x.shape[2] * self.up, -1)
        fine = F.leaky_relu(self._along_both(F.pad(sparse, self.around), self.first), SLOPE) * GAIN
        coarse = self._whole(fine, self.second) if self.radial else self._along_both(fine, self.second)
        return coarse[:, :, :: self.down, :: self.down]

    def _along_both(self, x: Tensor, taps: Tensor) -> Tensor:
        return self._whole(self._whole(x, taps[None]), taps[:, None])

    def _whole(self, x: Tensor, kernel: Tensor) -> Tensor:
        return F.conv2d(x, kernel.expand(x.shape[1], 1, -1, -1), groups=x.shape[1])


def forward(layer: Layer, x: Tensor) -> None:
    with torch.no_grad():
        layer(x)


def with_backward(layer: Layer, x: Tensor) -> None:
    x = x.detach().requires_grad_()
    layer(x).sum().backward()  # type: ignore[no-untyped-call]


def seconds(what: Callable[[Layer, Tensor], None], pairs: list[tuple[Layer, Tensor]]) -> float:
    start = time.process_time()
    for layer, x in pairs:
        what(layer, x)
    return time.process_time() - start


def report(name: str, row: Row, rounds: int) -> None:
    layers = row.layers()
    for slow, quick, x in layers:
        difference = (slow(x) - quick(x)).abs().max() / quick(x).abs().max()
        assert float(difference) < 1e-4, f"{name}: not the same"
    sides = [(slow, x) for slow, _, x in layers], [(quick, x) for _, quick, x in layers]
    for what in (forward, with_backward):
        for side in sides:
            seconds(what, side)
        times = [tuple(seconds(what, side) for side in sides) for _ in range(rounds)]
        both = [1000 * statistics.median(taken) for taken in zip(*times, strict=True)]
        low, ratio, high = statistics.quantiles([slow / quick for slow, quick in times], n=4)
        figures = f"{both[0]:11.0f}{both[1]:8.0f} ms{ratio:8.2f} ({low:.2f} .. {high:.2f})"
        print(f"{name:42}{what.__name__.replace('_', ' '):15}{figures}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    fast.tune_process()
    print(f"{'':57}step by step    ours     ratio (quartiles), {rounds} rounds, one thread")
    for name, row in ROWS.items():
        report(name, row, rounds)


if __name__ == "__main__":
    main()
