"""How well generators follow when what they start from is moved: EQ-T and EQ-R (metrics/equivariance.py).

    python benchmarks/equivariance.py [RUN ...] [--size 64] [--pictures 64] [--seeds 3]

First with random weights, where only what the networks are made of counts: StyleGAN3-T, StyleGAN3-R and StyleGAN2 of
the presets `small` and `rotations`; then the runs. StyleGAN3's waves are moved, and StyleGAN2's 4 x 4 map as the sum of
waves that it is when it counts as one period of a periodic picture (nn/transform.py); the paper leaves StyleGAN2 out,
since its map says nothing of what is beyond its edge. Contrasts of random networks differ, so the same figures are
printed also over the pictures' own standard deviation in place of 2, the range. ± is the standard error over pictures.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from imaginable import model as models
from imaginable.core import seeds
from imaginable.core.types import DataSpec
from imaginable.methods.stylegan2 import Stylegan2
from imaginable.methods.stylegan3 import Stylegan3
from imaginable.metrics.equivariance import PEAK, random_angles, random_shifts, shift_equivariance, turn_equivariance
from imaginable.metrics.score import Score

BLOCK = 16
RANDOM: dict[str, Any] = {
    "StyleGAN3-T": Stylegan3(**Stylegan3.presets["small"]),
    "StyleGAN3-R": Stylegan3(**Stylegan3.presets["rotations"]),
    "StyleGAN2": Stylegan2(**Stylegan2.presets["small"]),
}


@torch.no_grad()
def measured(method: Any, networks: nn.Module, spec: DataSpec, n: int, seed: int) -> list[Score]:
    """EQ-T and EQ-R, then both over the pictures' own deviation."""
    size, random = spec.shape[-1], np.random.default_rng(seed)
    shifts, angles = random_shifts(n, size, random), random_angles(n, random)
    w = method.map(networks, method.prior(networks, n, spec, seeds.generator(seed)))

    def moved(by: np.ndarray) -> Tensor:
        parts = zip(w.split(BLOCK), torch.from_numpy(by).float().split(BLOCK), strict=True)
        return torch.cat([method.moved(networks, part, *own.unbind(1)) for part, own in parts])

    none = np.zeros((n, 3))
    still = moved(none)
    shifted = moved(np.column_stack([shifts / size, none[:, 2]]))
    turned = moved(np.column_stack([none[:, :2], angles]))
    return [
        score
        for peak in (PEAK, float(still.std()))
        for score in (
            shift_equivariance(still, shifted, shifts, peak),
            turn_equivariance(still, turned, angles, peak),
        )
    ]


def line(name: str, scores: list[Score]) -> str:
    return f"{name:<24}" + "".join(f"{score.value:10.1f} ± {score.error:4.1f}" for score in scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(f"dB, {options.pictures} pictures; random weights at {options.size} px")
    print(f"{'':<24}{'EQ-T':>10}{'':7}{'EQ-R':>10}{'':7}{'EQ-T, own':>10}{'':7}{'EQ-R, own':>10}")
    for name, method in RANDOM.items():
        for seed in range(options.seeds):
            torch.manual_seed(seed)
            spec = DataSpec("images", (3, options.size, options.size))
            networks = method.networks(spec, {}).eval()
            scores = measured(method, networks, spec, options.pictures, seed)
            print(line(f"{name}, seed {seed}", scores), flush=True)
    for run in options.runs:
        trained = models.load(run).trained
        scores = measured(trained.method, trained.networks, trained.spec, options.pictures, 0)
        print(line(str(run), scores), flush=True)


if __name__ == "__main__":
    main()
