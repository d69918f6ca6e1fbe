"""A prior fitted to codes, for models that have none, or one that their codes do not follow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from imaginable.core import files


@dataclass(frozen=True)
class FittedPrior:
    """A mixture of k Gaussians over flat codes: weights (k,), means (k, d), factors (k, d, d), Σ = L Lᵀ."""

    weights: Tensor
    means: Tensor
    factors: Tensor

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """n codes (n, d)."""
        which = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator)
        return self.means[which] + torch.einsum("nij,nj->ni", self.factors[which], noise)

    def save(self, path: Path) -> None:
        tensors = {"weights": self.weights, "means": self.means, "factors": self.factors}
        with files.replacing(path) as temporary:
            safetensors.torch.save_file({name: value.contiguous() for name, value in tensors.items()}, temporary)

    @classmethod
    def load(cls, path: Path) -> FittedPrior:
        return cls(**safetensors.torch.load_file(path))


def fit(codes: Tensor, components: int = 10, seed: int = 0) -> FittedPrior:
    """Expectation maximisation on codes (n, d), full covariances; fewer components when codes are few."""
    codes = codes.flatten(1)
    # a full covariance needs several times as many codes as it has directions
    affordable = max(1, min(components, len(codes) // (5 * codes.shape[1])))
    mixture = GaussianMixture(affordable, reg_covar=1e-4, random_state=seed, max_iter=200)
    mixture.fit(codes.double().numpy())
    covariances = torch.from_numpy(mixture.covariances_)
    return FittedPrior(
        torch.from_numpy(mixture.weights_).float(),
        torch.from_numpy(mixture.means_).float(),
        torch.linalg.cholesky(covariances).float(),
    )
