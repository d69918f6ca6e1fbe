"""The best snapshot of a run whose generator is watched, by the kernel distance: GANs may end worse than they were."""

from __future__ import annotations

import math
from typing import Any

from imaginable.methods import _storage
from imaginable.methods._method import Trained
from imaginable.training.run import Run
from imaginable.training.state import State


def keep(trained: Trained, run: Run, about: dict[str, Any], state: State) -> None:
    """Writes the model to `best/` if no snapshot before came as near to the real items, or all were smaller."""
    game = state.games[-1] if state.games else {}
    if "distance" not in game:
        return
    known = _about(run)
    if known is None or known["images_seen"] < state.grown or game["distance"] < known["distance"]:
        figures = {name: game[name] for name in ("distance", "distance_error")}
        _storage.save(trained, run.best, about | figures)


def said(run: Run, last: dict[str, Any]) -> str:
    """Where the best snapshot beats the last one, whose numbers these are, beyond the error; else nothing."""
    known = _about(run)
    if known is None or "distance" not in last:
        return ""
    error = math.hypot(known["distance_error"], last["distance_error"])
    if last["distance"] - known["distance"] <= 2 * error:
        return ""
    return (
        f"the snapshot at image {known['images_seen']:,} was better than the last (kernel distance "
        f"{known['distance']:.3g} ± {known['distance_error']:.2g} of the mean item's, now {last['distance']:.3g} ± "
        f"{last['distance_error']:.2g}): imaginable sample {run.best}"
    )


def _about(run: Run) -> dict[str, Any] | None:
    return _storage.about(run.best) if (run.best / "model.yaml").exists() else None
