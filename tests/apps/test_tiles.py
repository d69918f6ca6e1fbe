"""A network sees a picture in tiles as if it saw the whole, and where it cannot, tiles fade into each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imaginable.apps._tiles import Tiling, bands, spans, through
from imaginable.data import images


class Convolutions(nn.Module):
    """Five 3x3 convolutions: what a pixel becomes depends on those within five of it, and so do borders."""

    def __init__(self, factor: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Conv2d(3, 3, 3, padding=1) for _ in range(5)])
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + torch.tanh(layer(x))
        return F.interpolate(x / 4, scale_factor=self.factor) if self.factor > 1 else x / 4


class Strided(nn.Module):
    """Down by four and up again: equal pixels only where it begins at a multiple of four."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.down = nn.Conv2d(3, 8, 4, 4)
        self.up = nn.ConvTranspose2d(8, 3, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.up(torch.tanh(self.down(x)))
        return made


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(height, width, 3), dtype=np.uint8)


def seen(network: nn.Module, planes: np.ndarray) -> Tensor:
    made: Tensor = network(images.to_float(planes[None]))
    return made


def difference(network: nn.Module, planes: np.ndarray, tiling: Tiling) -> float:
    """The largest between tiles and whole."""
    tiled = np.concatenate(list(bands(lambda part: seen(network, part), planes, 3, tiling)))
    with torch.no_grad():
        whole = seen(network, planes)[0].permute(1, 2, 0).numpy()
    assert tiled.shape == whole.shape
    return float(np.abs(tiled - whole).max())


@pytest.mark.parametrize("factor", [1, 2])
def test_tiles_are_as_the_whole_where_the_overlap_covers_what_a_pixel_depends_on(factor: int) -> None:
    network, planes = Convolutions(factor), picture(150, 101)
    assert len(spans(150, Tiling(64))) == 3
    assert difference(network, planes, Tiling(64, factor=factor)) < 1e-5
    assert difference(network, planes, Tiling(16, factor=factor)) > 1e-2, "too little overlap would be noticed"


def test_tiles_of_a_network_with_strides_begin_where_it_steps() -> None:
    assert difference(Strided(), picture(120, 88), Tiling(34, multiple=4)) < 1e-5


@pytest.mark.parametrize("tiling", [Tiling(32), Tiling(33, 1, 3), Tiling(64, 8), Tiling(64, 64), Tiling(48, 16, 2)])
def test_what_is_seen_of_all_tiles_adds_up_to_one(tiling: Tiling) -> None:
    for length in range(tiling.multiple, 700, tiling.multiple):
        total, end = np.zeros(length * tiling.factor, np.float32), 0
        for span in spans(length, tiling):
            assert span.start % tiling.multiple == 0
            assert 0 < span.stop - span.start <= tiling.side
            total[span.start * tiling.factor : span.stop * tiling.factor] += span.weight
            end = span.stop
        assert end == length
        np.testing.assert_allclose(total, 1, atol=1e-6)


def test_tiles_of_different_tone_fade_into_each_other() -> None:
    def tone(planes: np.ndarray) -> Tensor:
        x = images.to_float(planes[None])
        return torch.zeros_like(x) + x.mean()

    ramp = np.linspace(0, 255, 256).astype(np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2)
    made = through(tone, ramp, 3, Tiling(64))[0, :, 0].astype(int)
    assert made[-1] - made[0] > 150, "tiles differ"
    between_tiles = 255 * 48 / 256  # their means, where they step by 48 pixels
    assert np.abs(np.diff(made)).max() < 0.5 * between_tiles, "no seam"


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 70), (65, 63), (130, 131)])
def test_any_size_comes_back_as_it_is(height: int, width: int) -> None:
    planes, told = picture(height, width), []
    made = through(lambda part: images.to_float(part[None]), planes, 3, Tiling(32, 16), told.append)
    np.testing.assert_array_equal(made, planes)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
