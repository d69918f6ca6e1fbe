"""How far a code lies from where codes of known items lie."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
import torch
from sklearn.covariance import LedoitWolf
from torch import Tensor

from imaginable.core import files

_FULL = 1024
"""numbers of a code from which only their own variances are looked at: a full covariance would not fit"""
_NEAREST = 5
_KEPT = 10_000
"""codes that nearest ones are sought among, at most"""
_BLOCK = 1024


@dataclass(frozen=True)
class Cloud:
    """codes: (m, d), of known items. mean: (d,). whitening: (d, d), or (d,) where numbers are taken one by one:
    what the differences from the mean are multiplied by to have unit variance in every direction."""

    codes: Tensor
    mean: Tensor
    whitening: Tensor

    @classmethod
    def fit(cls, codes: Tensor) -> Cloud:
        """To codes (n, *code shape). The covariance is shrunk towards a sphere (Ledoit & Wolf 2004), as much as the
        number of codes asks for, so that few codes of many numbers do as well."""
        flat = codes.flatten(1).double()
        mean = flat.mean(0)
        if flat.shape[1] > _FULL:
            whitening = flat.var(0).clamp(min=1e-12).rsqrt()
        else:
            covariance = torch.from_numpy(LedoitWolf().fit(flat.numpy()).covariance_)
            values, vectors = torch.linalg.eigh(covariance)
            whitening = vectors * values.clamp(min=1e-12).rsqrt()
        every = max(1, len(flat) // _KEPT)
        return cls(flat[::every][:_KEPT].float(), mean.float(), whitening.float().contiguous())

    def mahalanobis(self, codes: Tensor) -> Tensor:
        """√((z - μ)ᵀ Σ⁻¹ (z - μ)) of codes (n, *code shape), (n,). Mahalanobis 1936."""
        off = codes.flatten(1) - self.mean
        white = off @ self.whitening if self.whitening.ndim == 2 else off * self.whitening
        distance: Tensor = white.norm(dim=1)
        return distance

    def nearest(self, codes: Tensor, count: int = _NEAREST) -> Tensor:
        """Mean distance to the nearest known codes, (n,): Bergman, Cohen & Hoshen 2020 (arXiv:2002.10445), on codes."""
        count = min(count, len(self.codes))
        parts = torch.split(codes.flatten(1), _BLOCK)
        return torch.cat([torch.cdist(part, self.codes).topk(count, largest=False).values.mean(1) for part in parts])

    def save(self, path: Path) -> None:
        with files.replacing(path) as temporary:
            safetensors.torch.save_file({name: part.contiguous() for name, part in asdict(self).items()}, temporary)

    @classmethod
    def load(cls, path: Path) -> Cloud:
        return cls(**safetensors.torch.load_file(path))
