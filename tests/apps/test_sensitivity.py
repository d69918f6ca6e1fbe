"""Every figure must see what it should see, in the right order over five strengths, and the verdict must say so.

The degradations are those of benchmarks/sensitivity.py, of real handwritten digits against other ones.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaginable.apps import _features, _of_samples
from imaginable.apps._rows import Row
from imaginable.apps._verdicts import verdict
from imaginable.core import seeds
from imaginable.data.dataset import DataOptions
from imaginable.data.prepare import prepare

N = 300
Course = dict[str, dict[str, Row]]


def benchmark() -> Any:
    path = Path(__file__).parents[2] / "benchmarks" / "sensitivity.py"
    spec = importlib.util.spec_from_file_location("sensitivity", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["sensitivity"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sensitivity = benchmark()
PAIRS = [(name, key) for name, one in sensitivity.DEGRADATIONS.items() for key in one.sees]


@pytest.fixture(scope="module")
def real() -> Iterator[Any]:
    """Dealt anew: a tenth of the digits held out would be too few."""
    options = DataOptions("digits", size=16)
    dataset = prepare(options)
    order = np.random.Generator(np.random.Philox(seeds.derive(0, "test"))).permutation(len(dataset.items))
    dataset = dataclasses.replace(dataset, held_out=order[:N], train=order[N:])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_features, "TRAINING", dataclasses.replace(_features.TRAINING, images=10_000))
        patch.setattr(_of_samples, "PATCHES", 4)
        yield sensitivity.deal(options, dataset, N, "classifier")


@pytest.fixture(scope="module")
def course(real: Any) -> Callable[[str], Course]:
    """What is measured of samples of each strength, by strength, weakest first."""
    plain = sensitivity.measured(real.samples, real.reference)
    return cache(lambda name: sensitivity.course(sensitivity.DEGRADATIONS[name], real, plain))


@pytest.mark.parametrize(("name", "key"), PAIRS)
def test_it_sees_every_strength_in_order(name: str, key: str, course: Callable[[str], Course]) -> None:
    found = {strength: rows[key] for strength, rows in course(name).items()}
    way = sensitivity.DEGRADATIONS[name].sees[key]
    values = [row.score.value if row.score else None for row in found.values()]
    assert sensitivity.in_order(list(found.values()), way) == [True] * 5, values


@pytest.mark.parametrize(("name", "key"), PAIRS)
def test_the_verdict_names_the_less_degraded(name: str, key: str, course: Callable[[str], Course]) -> None:
    found = {strength: rows[key] for strength, rows in course(name).items()}
    strengths = list(found)
    for less, more in zip(strengths, strengths[2:]):
        assert verdict({more: found[more], less: found[less]}).startswith(f"{less} wins over {more}")
