"""The dead zones of a plain autoencoder against the smooth space of a VAE: equal networks, data and images.

    python benchmarks/dead_zones.py [--images 60000] [--figure docs/methods/dead_zones.png]

Decodes random points (the prior of the VAE; for the autoencoder, which has none, a normal with the mean and
deviation of its codes in every dimension) and the middles of pairs of held-out items. Prints the distance of
what comes out to the nearest training image (root mean squared error over pixels in [0, 1]), with its
standard error, beside that of real held-out images.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import imaginable as im
from imaginable.core import seeds
from imaginable.data import images
from imaginable.data.dataset import DataOptions
from imaginable.data.prepare import prepare
from imaginable.model import Model

POINTS = 500
SIZE = 16
FIELDS: dict[str, dict[str, Any]] = {
    "autoencoder": {"latents": 32, "width": 16, "size": SIZE},
    # the digits are nearly binary and free of noise: a Gaussian's variance would shrink until the codes of the
    # data are a few needles in the prior, and random points miss them
    "vae": {"latents": 32, "width": 16, "size": SIZE, "output": "bernoulli"},
}


@dataclass(frozen=True)
class Distance:
    """Mean over n items and its standard error."""

    mean: float
    error: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.4f} ± {self.error:.4f} (n = {self.n})"


def measure(seen: int, figure: Path | None = None) -> dict[str, Distance]:
    """Trains both on the built-in digits; distances by 'METHOD random', 'METHOD middle' and 'held-out'."""
    dataset = prepare(DataOptions("digits", size=SIZE))
    real, held_out = dataset.batch(dataset.train).x, dataset.batch(dataset.held_out).x
    found = {"held-out": nearest(held_out, real)}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, fields in FIELDS.items():
            model = im.train(name, "digits", run=f"{folder}/{name}", images=seen, **fields)
            for kind, codes in (("random", random_codes(model, real)), ("middle", middles(model, held_out))):
                decoded = model.decode_tensor(codes)
                found[f"{name} {kind}"] = nearest(decoded, real)
                rows.append(images.to_uint8(decoded[:16]).repeat(2, 1).repeat(2, 2))
    if figure:
        images.save(figure, images.sheet(np.concatenate(rows), 16), "autoencoder and vae (dead zones), seed 0")
    return found


def random_codes(model: Model, real: Tensor) -> Tensor:
    if model.name == "vae":
        return model.latents(POINTS)
    codes = model.encode_tensor(real)
    return codes.mean(0) + codes.std(0) * torch.randn(POINTS, codes.shape[1], generator=seeds.generator("points"))


def middles(model: Model, held_out: Tensor) -> Tensor:
    codes = model.encode_tensor(held_out)
    first, second = torch.randint(len(codes), (2, POINTS), generator=seeds.generator("pairs"))
    return (codes[first] + codes[second]) / 2


def nearest(x: Tensor, real: Tensor) -> Distance:
    """Distance of every item to the nearest real one."""
    distances = torch.cdist(x.flatten(1), real.flatten(1)).min(1).values / 2 / x[0].numel() ** 0.5
    return Distance(float(distances.mean()), float(distances.std()) / len(x) ** 0.5, len(x))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    for name, distance in measure(options.images, options.figure).items():
        print(f"{name:20s} {distance}")


if __name__ == "__main__":
    main()
