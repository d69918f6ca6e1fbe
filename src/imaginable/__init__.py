"""imaginable: your own images as a generative model whose latent space you can explore.

import imaginable as im
model = im.train("vae", "sneakers", images=20_000)
model.sample(16)
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# torch takes seconds to import: names are fetched when they are used
_HOMES = {"Model": "model", "load": "model", "train": "apps.train", "check": "apps.check"}
__all__ = ["Model", "__version__", "check", "load", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'imaginable' has no attribute {name!r}")
    return getattr(importlib.import_module(f"imaginable.{_HOMES[name]}"), name)
