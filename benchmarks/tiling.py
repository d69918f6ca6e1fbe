"""Peak memory and time of a large photo in tiles: python benchmarks/tiling.py

A photo of 2,000 x 3,000 pixels of noise (the hardest to store) goes through `translate`, `upscale` (by 4) and
`inpaint` (a quarter of it) with networks as wide as those of the papers and random weights. Their blocks, whose number
adds time and no memory, are two (`--blocks 16` for the full depth). Each verb runs in a process of its own. Prints
that process's peak resident set, Python and torch included, and its seconds. `--only upscale` for one; `--tile`,
`--channels` (of the first layer) and `--photo HEIGHT WIDTH` for others.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from imaginable import model as models
from imaginable.apps.inpaint import inpaint
from imaginable.apps.translate import translate
from imaginable.apps.upscale import upscale
from imaginable.core.optimizers import Optimizer
from imaginable.core.types import DataSpec, Kind
from imaginable.methods import _storage
from imaginable.methods._method import Method, Phase, Trained


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.layers = nn.Sequential(first, nn.ReLU(), second)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = x + self.layers(x)
        return made


class Network(nn.Module):
    """Convolutions with strides, residual blocks, and sub-pixel convolutions, as many as `doublings`."""

    def __init__(self, channels: int, width: int, blocks: int, halvings: int, doublings: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 9, padding=4), nn.ReLU()]
        for _ in range(halvings):
            layers += [nn.Conv2d(width, 2 * width, 3, 2, 1), nn.InstanceNorm2d(2 * width), nn.ReLU()]
            width *= 2
        layers += [Residual(width) for _ in range(blocks)]
        for number in range(doublings):
            narrower = width // 2 if number < halvings else width
            layers += [nn.Conv2d(width, 4 * narrower, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()]
            width = narrower
        layers += [nn.Conv2d(width, 3, 9, padding=4), nn.Tanh()]
        self.net = nn.Sequential(*layers)


class _Untrained(Method[Network]):
    paper: ClassVar[str] = "none"
    consumes: ClassVar[frozenset[Kind]] = frozenset({"images"})
    averaged: ClassVar[tuple[str, ...]] = ("net",)
    multiple: ClassVar[int] = 4

    def optimizers(self) -> dict[str, Optimizer]:
        return {}

    def phases(self) -> tuple[Phase[Network], ...]:
        return ()


@dataclass(frozen=True)
class Translator(_Untrained):
    channels: int
    blocks: int
    task: ClassVar[Literal["translate"]] = "translate"

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Network:
        return Network(3, self.channels, self.blocks, 2, 2)

    def translate(self, nets: Network, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        made: Tensor = nets.net(x)
        return made


@dataclass(frozen=True)
class Enlarger(_Untrained):
    channels: int
    blocks: int
    factor: int = 4
    task: ClassVar[Literal["upscale"]] = "upscale"
    multiple: ClassVar[int] = 1

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Network:
        return Network(3, self.channels, self.blocks, 0, 2)

    def translate(self, nets: Network, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        made: Tensor = nets.net(x)
        return made


@dataclass(frozen=True)
class Filler(_Untrained):
    channels: int
    blocks: int
    task: ClassVar[Literal["inpaint"]] = "inpaint"

    def networks(self, spec: DataSpec, given: Mapping[str, Trained]) -> Network:
        return Network(4, self.channels, self.blocks, 2, 2)

    def translate(self, nets: Network, x: Tensor, hole: Tensor | None = None, to: str | None = None) -> Tensor:
        assert hole is not None
        return torch.where(hole > 0, nets.net(torch.cat([x, hole], 1)), x)


METHODS: dict[str, Any] = {"translate": Translator, "upscale": Enlarger, "inpaint": Filler}
CHANNELS = {"translate": 64, "upscale": 64, "inpaint": 32}


def once(task: str, given: argparse.Namespace) -> str:
    """One verb in this process; what it took."""
    with tempfile.TemporaryDirectory() as scratch:
        run, photo, mask = (Path(scratch, name) for name in ("run", "photo.png", "mask.png"))
        spec, method = (
            DataSpec("images", (3, 64, 64), count=1),
            METHODS[task](given.channels or CHANNELS[task], given.blocks),
        )
        _storage.save(Trained(method, method.networks(spec, {}), spec), run, {"run": "untrained"})
        models.load = partial(models.load, method=METHODS[task])  # type: ignore[assignment]
        pixels = np.random.default_rng(0).integers(256, size=(*given.photo, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photo)
        down, right = np.ogrid[: given.photo[0], : given.photo[1]]
        Image.fromarray(((down // 100 % 2) & (right // 100 % 2)).astype(np.uint8) * 255).save(mask)
        del pixels
        tiles = {} if given.tile is None else {"tile": given.tile}
        begun = time.perf_counter()
        if task == "translate":
            translate(run, str(photo), **tiles)
        if task == "upscale":
            upscale(run, str(photo), **tiles)
        if task == "inpaint":
            inpaint(run, str(photo), masks=str(mask), **tiles)
        seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kilobytes on Linux
    size = "x".join(map(str, given.photo))
    return f"{task:10s} {size}, tiles of {given.tile or 'the default'}  peak {peak / 2**30:.2f} GiB  {seconds:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=METHODS, nargs="*", default=list(METHODS))
    parser.add_argument("--tile", type=int, help="pixels of the result; without it each verb's own")
    parser.add_argument("--channels", type=int)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--photo", type=int, nargs=2, default=[2000, 3000])
    parser.add_argument("--here", action="store_true", help="in this process; else in one for each verb")
    given = parser.parse_args()
    for task in given.only:
        if given.here:
            print(once(task, given), flush=True)
        else:
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--here", "--only", task], check=True)


if __name__ == "__main__":
    main()
