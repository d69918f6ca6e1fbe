"""What is said at the start of a run that learns to enlarge from pictures that were enlarged themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imaginable.methods._method import Method, Translates


def said(method: Method[Any], size: int, manifest: Mapping[str, Any]) -> str:
    """How many pictures have fewer than `size` pixels on a side, and what to do; empty where that does no harm."""
    if not isinstance(method, Translates) or method.task != "upscale":
        return ""
    counts: Mapping[str, int] = manifest["sizes"]
    small = sum(count for sides, count in counts.items() if min(map(int, sides.split("x"))) < size)
    if not small:
        return ""
    return (
        f"{small:,} of {manifest['items']:,} pictures have fewer than {size} pixels on a side: they were enlarged, and "
        "there is no detail in them to learn; choose a smaller --size, or leave them out"
    )
