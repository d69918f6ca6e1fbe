"""What is said at the start of a GAN's run on few pictures."""

from __future__ import annotations

from typing import Any

from imaginable.core.types import DataSpec
from imaginable.methods._method import Method
from imaginable.nn.augment import FEW


def said(method: Method[Any], spec: DataSpec) -> str:
    """What is done to few pictures before a discriminator sees them, and why; empty where there is nothing to say."""
    if getattr(method, "augment", None) != "none" or spec.kind != "images" or spec.count > FEW:
        return ""
    return (
        f"augment none: {spec.count:,} pictures are few, but on 177 digits adaptive reached coverage 0.479 against "
        "0.508 without, after 50,000 images; for longer runs see docs/guides/few-images.md"
    )
