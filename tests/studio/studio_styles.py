"""A model whose layers have codes of their own, as the studio's tests use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import imaginable
from imaginable.apps._book import Book
from imaginable.latent.directions import Direction

LAYERS, STYLES = 8, 12
SMALL: dict[str, Any] = {
    "latents": 8,
    "styles": STYLES,
    "width": 4,
    "most": 8,
    "depth": 2,
    "size": 32,
    "limit": 40,
    "batch": 8,
    "images": 32,
    "seed": 0,
    "precision": "float32",
}


def styled(run: Path) -> Path:
    """Trained for four steps; with a slider "warmth" that is the same in all layers."""
    imaginable.train("stylegan2", "sneakers", run=str(run), **SMALL)
    vector = torch.zeros(LAYERS, STYLES)
    vector[:, 0] = 1.0
    book = Book.of(imaginable.load(run))
    book.add(Direction("warmth", vector, "pointed", 0.9, "accuracy", "20 clicks", named=True))
    return run
