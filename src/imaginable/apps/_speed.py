"""How fast models make pictures, timed in turn so that whatever else the machine does slows all of them alike."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import numpy as np

from imaginable.apps._measure import Measured
from imaginable.apps._rows import Figure, Row
from imaginable.metrics.score import Score
from imaginable.model import Model

BATCHES = (1, 64)
ROUNDS, SHORTEST = 7, 0.1
"""timings of each, in turn, and seconds that one takes at least"""


def rows(models: Mapping[str, Measured]) -> dict[str, list[Row]]:
    """Of every model: pictures a second at batch 1 and 64, drawing their codes included, and its parameters."""
    found: dict[str, list[Row]] = {name: [] for name in models}
    for batch in BATCHES:
        figure = Figure(f"speed_{batch}", f"samples a second, batch {batch}", "higher", of="timings")
        timed: dict[str, list[float]] = {name: [] for name, one in models.items() if one.draws}
        for _ in range(ROUNDS):
            for name, speeds in timed.items():
                speeds.append(_speed(models[name].model, batch))
        for name in models:
            known = timed.get(name)
            found[name].append(figure.row(_score(known)) if known else figure.none("it has no prior to draw from"))
    for name, one in models.items():
        found[name].append(Figure("parameters", "parameters", "lower").exactly(_parameters(one.model)))
    return found


def _parameters(model: Model) -> int:
    """Of what is shared as the model: no discriminators."""
    players = (model.trained.networks.get_submodule(name) for name in model.method.averaged)
    return sum(weights.numel() for player in players for weights in player.parameters())


def _score(speeds: list[float]) -> Score:
    return Score(float(np.median(speeds)), float(np.std(speeds, ddof=1)) / math.sqrt(len(speeds)), len(speeds))


def _speed(model: Model, batch: int) -> float:
    """Pictures a second."""
    labels, made, started = model.in_turn(batch), 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < SHORTEST or not made:
        model.decode_tensor(model.latents(batch, seed=made, label=labels), labels)
        made += batch
    return made / spent
