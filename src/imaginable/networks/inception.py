"""The network whose features the Fréchet Inception Distance compares (Heusel et al. 2017, arXiv:1706.08500).

Inception v3 (Szegedy et al. 2015, arXiv:1512.00567) as TensorFlow released it on 2015-12-05, with 1,008 classes.
Distances are comparable with published ones only if its peculiarities are kept: average pools leave the padding out
of the count, the last block has a max pool where the one before it has an average pool, and pictures are resized
without antialiasing. Modules bear the names of the public weights file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIZE = 299
"""pixels on a side of what the convolutions see"""
FEATURES = 2048
CLASSES = 1008

TAPS = {"pool_1": 64, "pool_2": 192, "Mixed_6e": 768, "Mixed_7c": FEATURES}
"""modules after which `Inception.taps` looks at the maps, and their channels"""

Kernel = tuple[int, int]
Step = tuple[int, *tuple[Kernel, ...]]
"""channels, then the kernel; of two kernels, both convolve the same maps and the results are concatenated"""
Branches = dict[str, list[Step]]
Pool = Callable[[Tensor], Tensor]

_ONE, _THREE, _FIVE = (1, 1), (3, 3), (5, 5)
_ROW, _COLUMN = (1, 7), (7, 1)
_FORK = ((1, 3), (3, 1))

_AVERAGE: Pool = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
_MAXIMUM: Pool = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
_HALVE: Pool = partial(F.max_pool2d, kernel_size=3, stride=2)


def _block_35(pooled: int) -> Branches:
    """Of the maps with 35x35 pixels; pooled: channels of the pool's branch."""
    return {
        "branch1x1": [(64, _ONE)],
        "branch5x5": [(48, _ONE), (64, _FIVE)],
        "branch3x3dbl": [(64, _ONE), (96, _THREE), (96, _THREE)],
        "branch_pool": [(pooled, _ONE)],
    }


def _block_17(inner: int) -> Branches:
    """Of the maps with 17x17 pixels; inner: channels between the factors of a 7x7 convolution."""
    return {
        "branch1x1": [(192, _ONE)],
        "branch7x7": [(inner, _ONE), (inner, _ROW), (192, _COLUMN)],
        "branch7x7dbl": [(inner, _ONE), (inner, _COLUMN), (inner, _ROW), (inner, _COLUMN), (192, _ROW)],
        "branch_pool": [(192, _ONE)],
    }


_BLOCK_8: Branches = {
    "branch1x1": [(320, _ONE)],
    "branch3x3": [(384, _ONE), (384, *_FORK)],
    "branch3x3dbl": [(448, _ONE), (384, _THREE), (384, *_FORK)],
    "branch_pool": [(192, _ONE)],
}
_TO_17: Branches = {
    "branch3x3": [(384, _THREE)],
    "branch3x3dbl": [(64, _ONE), (96, _THREE), (96, _THREE)],
    "branch_pool": [],
}
_TO_8: Branches = {
    "branch3x3": [(192, _ONE), (320, _THREE)],
    "branch7x7x3": [(192, _ONE), (192, _ROW), (192, _COLUMN), (192, _THREE)],
    "branch_pool": [],
}

_BLOCKS: dict[str, tuple[Branches, Pool]] = {
    "Mixed_5b": (_block_35(32), _AVERAGE),
    "Mixed_5c": (_block_35(64), _AVERAGE),
    "Mixed_5d": (_block_35(64), _AVERAGE),
    "Mixed_6a": (_TO_17, _HALVE),
    "Mixed_6b": (_block_17(128), _AVERAGE),
    "Mixed_6c": (_block_17(160), _AVERAGE),
    "Mixed_6d": (_block_17(160), _AVERAGE),
    "Mixed_6e": (_block_17(192), _AVERAGE),
    "Mixed_7a": (_TO_8, _HALVE),
    "Mixed_7b": (_BLOCK_8, _AVERAGE),
    "Mixed_7c": (_BLOCK_8, _MAXIMUM),
}


class Inception(nn.Module):
    """Pictures (n, 1 or 3, h, w) in [-1, 1], of any size -> features (n, 2048), float32, none negative.

    Grey is repeated three times. Use it in evaluation mode: batch norm takes the statistics of the weights file.
    Raises ValueError for other shapes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stages = []
        for name, stage in _stages():
            self.add_module(name, stage)
            self.stages.append(name)
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.taps(x)["Mixed_7c"]

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """Maps averaged over space, by the modules in TAPS: (n, 64), (n, 192), (n, 768) and the features (n, 2048)."""
        x, found = _prepared(x), {}
        for name in self.stages:
            x = self.get_submodule(name)(x)
            if name in TAPS:
                found[name] = x.mean((2, 3))
        return found

    def logits(self, features: Tensor) -> Tensor:
        """Features (n, 2048) -> logits of the classes, (n, 1008)."""
        logits: Tensor = self.fc(features)
        return logits


def _prepared(x: Tensor) -> Tensor:
    """(n, 1 or 3, h, w) -> (n, 3, 299, 299), float32."""
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        raise ValueError(f"pictures are (n, 1 or 3, h, w), not {tuple(x.shape)}")
    x = x.to(torch.float32).expand(-1, 3, -1, -1)
    return F.interpolate(x, size=(SIZE, SIZE), mode="bilinear", align_corners=False, antialias=False)


def _stages() -> Iterator[tuple[str, nn.Module]]:
    """The modules from the picture to the last maps, in order."""
    yield "Conv2d_1a_3x3", _Convolution(3, 32, _THREE, stride=2)
    yield "Conv2d_2a_3x3", _Convolution(32, 32, _THREE)
    yield "Conv2d_2b_3x3", _Convolution(32, 64, _THREE, padding="same")
    yield "pool_1", nn.MaxPool2d(3, stride=2)
    yield "Conv2d_3b_1x1", _Convolution(64, 80, _ONE)
    yield "Conv2d_4a_3x3", _Convolution(80, 192, _THREE)
    yield "pool_2", nn.MaxPool2d(3, stride=2)
    channels = 192
    for name, (branches, pool) in _BLOCKS.items():
        block = _Block(channels, branches, pool)
        yield name, block
        channels = block.channels


class _Convolution(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, before: int, after: int, kernel: Kernel, stride: int = 1, padding: str = "valid") -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class _Block(nn.ModuleDict):
    """Branches side by side: (n, before, h, w) -> their maps, concatenated, (n, channels, h', w').

    `branch_pool` begins with the pool. Where the pool halves the maps, the last convolution of every other
    branch halves them too; all other convolutions keep the size.
    """

    def __init__(self, before: int, branches: Branches, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        self.names: dict[str, list[list[str]]] = {}
        self.channels = 0
        for branch, steps in branches.items():
            self.names[branch] = []
            channels = before
            for number, step in enumerate(steps, 1):
                name = branch if len(steps) == 1 else f"{branch}_{number}"
                halve = pool is _HALVE and number == len(steps)
                convolutions = _convolutions(name, channels, step, halve)
                self.update(convolutions)
                self.names[branch].append(list(convolutions))
                channels = step[0] * len(convolutions)
            self.channels += channels

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self._branch(branch, x) for branch in self.names], dim=1)

    def _branch(self, branch: str, x: Tensor) -> Tensor:
        if branch == "branch_pool":
            x = self.pool(x)
        for names in self.names[branch]:
            x = torch.cat([self[name](x) for name in names], dim=1)
        return x


def _convolutions(name: str, before: int, step: Step, halve: bool) -> dict[str, _Convolution]:
    """One convolution for every kernel of the step, by its name: with a or b behind it if there are two."""
    after, *kernels = step
    letters = ("a", "b") if len(kernels) == 2 else ("",)
    stride, padding = (2, "valid") if halve else (1, "same")
    return {
        name + letter: _Convolution(before, after, kernel, stride, padding)
        for letter, kernel in zip(letters, kernels, strict=True)
    }
