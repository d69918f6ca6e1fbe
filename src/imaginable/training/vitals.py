"""How an autoencoder is doing, in numbers: its method's vitals on held-out items, brought to what health.py judges."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from imaginable.core import seeds
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Vitals
from imaginable.training.state import State

ITEMS = 512
LEAST_ITEMS = 32
"""with fewer, variances and densities say nothing"""
ACTIVE = 0.01
"""variance of its posterior mean above which a dimension is in use (Burda et al. 2016, section 5.2)"""
_BLOCK = 64
_LONGEST = 256  # entries of a list in the log, dimensions of codes looked at


@torch.no_grad()
def measure(state: State, dataset: Dataset) -> dict[str, Tensor] | None:
    """The method's vitals on the same at most 512 held-out items every time (training items where too few are)."""
    method, nets = state.job.method, state.averages.networks
    index = dataset.held_out if len(dataset.held_out) >= LEAST_ITEMS else dataset.train
    if not isinstance(method, Vitals) or len(index) < LEAST_ITEMS:
        return None
    index = _shuffled(index)[:ITEMS]  # items may stand in the order of their classes
    torch.manual_seed(seeds.derive(state.job.training.seed, "vitals"))
    blocks = []
    for part in np.array_split(index, -(-len(index) // _BLOCK)):
        batch = dataset.batch(part).to(state.device)
        blocks.append(method.vitals(nets, batch.x, batch.label))
    joined = {name: _joined(name, [block[name].float().cpu() for block in blocks]) for name in blocks[0]}
    return joined | {"items": torch.tensor(len(index))}


def _shuffled(items: np.ndarray) -> np.ndarray:
    """In an order that is always the same."""
    return np.asarray(np.random.default_rng(0).permutation(items))


def _joined(name: str, parts: list[Tensor]) -> Tensor:
    if name == "codes":
        return torch.cat(parts)
    joined = torch.stack(parts)
    return joined.sum(0) if name == "usage" else joined.mean(0)


def summarised(vitals: Mapping[str, Tensor], has_prior: bool = True) -> dict[str, Any]:
    """The numbers that checks read, as far as the vitals have them; nats an item.

    items: looked at. kl: of the latent dimensions, largest first. dimensions, active_units: how many there are,
    and how many are in use. rate: Σ kl. distortion: -E log p(x | z). bound: -(rate + distortion).
    off_prior, off_prior_error: see `distance_from_prior`, where the method has a prior. codebook, used, choices: its
    entries, those chosen, and the choices made. perplexity: e^entropy of the choices. usage: share of each entry,
    largest first. deviation: that the output distribution is given. error: the one measured.
    """
    numbers: dict[str, Any] = {"items": int(vitals["items"])}
    if "kl" in vitals:
        kl = vitals["kl"].flatten().sort(descending=True).values
        numbers |= {"rate": float(kl.sum()), "dimensions": len(kl), "kl": kl[:_LONGEST].tolist()}
    if "mean_variance" in vitals:
        varies = vitals["mean_variance"].flatten() > ACTIVE
        numbers |= {"active_units": int(varies.sum()), "dimensions": len(varies)}
    for name in ("distortion", "deviation", "error"):
        if name in vitals:
            numbers[name] = float(vitals[name])
    if "rate" in numbers and "distortion" in numbers:
        numbers["bound"] = -(numbers["rate"] + numbers["distortion"])
    if "usage" in vitals:
        numbers |= _usage(vitals["usage"].flatten())
    if "codes" in vitals and has_prior and bool(torch.isfinite(vitals["codes"]).all()):
        numbers["off_prior"], numbers["off_prior_error"] = distance_from_prior(vitals["codes"])
    return {name: _short(value) for name, value in numbers.items()}


def _usage(chosen: Tensor) -> dict[str, Any]:
    shares = chosen / chosen.sum()
    return {
        "codebook": len(chosen),
        "used": int((chosen > 0).sum()),
        "choices": int(chosen.sum()),
        "perplexity": float(torch.special.entr(shares).sum().exp()),
        "usage": shares.sort(descending=True).values[:_LONGEST].tolist(),
    }


def _short(value: Any) -> Any:
    """Four digits are enough for a log."""
    if isinstance(value, list):
        return [_short(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def distance_from_prior(codes: Tensor) -> tuple[float, float]:
    """At least how far draws of the aggregate posterior q(z), (n, ...), are from p(z) = N(0, I): nats, standard error.

    For any density f,  E_q [ log f(z) - log p(z) ] = KL(q ‖ p) - KL(q ‖ f) ≤ KL(q ‖ p).  f is fitted to one half of
    the codes and judged on the other, and the halves change places: where q is p, there is nothing to gain. f is a
    Gaussian with a shrunk covariance (Ledoit & Wolf 2004), which finds codes of wrong size or on a thin sheet, or a
    mixture of Gaussians with diagonal ones, which finds clusters, whichever gains more. Of very many dimensions
    some are looked at: a part of the codes is no further from the prior than all.
    """
    z = _shuffled(codes.flatten(1).double().numpy())
    z = z[:, :: -(-z.shape[1] // _LONGEST)]
    halves = z[0::2], z[1::2]
    prior = multivariate_normal(np.zeros(z.shape[1]), 1.0)
    gains = [
        np.concatenate([log_density(one, other) - prior.logpdf(other) for one, other in (halves, halves[::-1])])
        for log_density in (_gaussian, _mixture)
    ]
    best = max(gains, key=np.mean)
    return float(best.mean()), float(best.std(ddof=1) / len(best) ** 0.5)


def _gaussian(known: np.ndarray, new: np.ndarray) -> np.ndarray:
    fitted = LedoitWolf().fit(known)
    covariance = fitted.covariance_ + 1e-6 * np.eye(known.shape[1])
    return np.asarray(multivariate_normal(fitted.location_, covariance).logpdf(new))


def _mixture(known: np.ndarray, new: np.ndarray) -> np.ndarray:
    components = max(1, min(10, len(known) // 20))
    settings = {"covariance_type": "diag", "reg_covar": 1e-4, "init_params": "k-means++"}
    mixture = GaussianMixture(components, random_state=0, **settings)
    with warnings.catch_warnings():  # whatever it has come to is a density
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(mixture.fit(known).score_samples(new))
