"""Traversals: a code moved along one direction, step by step."""

import torch
from torch import Tensor


def traversal(code: Tensor, vector: Tensor, amounts: Tensor) -> Tensor:
    """code + a · vector for each a of amounts (k,): (k, *code shape)."""
    return code + amounts.reshape(-1, *[1] * code.ndim) * vector


def moved(code: Tensor, moves: list[tuple[Tensor, float]]) -> Tensor:
    """code + Σ amount · vector. In float64, so that an edit followed by its inverse gives the same code back."""
    result = code.double()
    for vector, amount in moves:
        result = result + amount * vector.double()
    return result.to(code.dtype)


def dimensions(strength: Tensor, deviations: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The axes of the latent space, strongest first: vectors (k, d) of one deviation each, and their numbers (k,).

    strength (d,): of a VAE the KL divergence of each dimension, in nats: those near 0 carry nothing.
    """
    order = strength.argsort(descending=True, stable=True)[:count]
    axes = torch.zeros(len(order), len(strength), dtype=deviations.dtype)
    axes[torch.arange(len(order)), order] = deviations[order]
    return axes, order
