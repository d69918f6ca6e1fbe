"""What benchmarks/modes.py counts, on samples whose modes are known."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imaginable.data import toys


@pytest.fixture(scope="module")
def modes() -> Any:
    folder = Path(__file__).parents[2] / "benchmarks"
    spec = importlib.util.spec_from_file_location("modes", folder / "modes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))  # it uses another benchmark
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def grid(count: int = 25_000) -> torch.Tensor:
    return torch.from_numpy(toys.grid(count, seed=3)[0])


def test_the_data_itself_has_all_modes_as_wide_and_as_often_as_they_are(modes: Any) -> None:
    row = modes.points_judge()(grid())
    assert (row["modes"], row["touched"]) == ("25", "25")
    assert float(row["share"]) == pytest.approx(1 - np.exp(-4.5), abs=0.003)
    assert float(row["width"]) == pytest.approx(1, abs=0.01)
    assert float(row["kl"]) == pytest.approx(12 / 25_000, abs=0.001)  # (modes - 1) / 2 samples is expected


def test_one_mode_is_one(modes: Any) -> None:
    points = grid()
    row = modes.points_judge()(points - points.round() + torch.tensor([1.0, -2.0]))
    assert (row["modes"], row["touched"]) == ("1", "1")
    assert float(row["kl"]) == pytest.approx(np.log(25), abs=1e-4)


def test_a_mode_counts_from_a_tenth_of_its_share(modes: Any) -> None:
    points, labels = toys.grid(200_000, seed=3)
    near = np.abs(points - points.round()).max(1) < 0.1
    rare, others = points[near & (labels == 0)], points[near & (labels > 0)]
    few = np.concatenate([others[: 25_000 - 99], rare[:99]])
    enough = np.concatenate([others[: 25_000 - 100], rare[:100]])
    assert modes.points_judge()(torch.from_numpy(few))["modes"] == "24"
    assert modes.points_judge()(torch.from_numpy(enough))["modes"] == "25"


def test_points_between_modes_are_on_none(modes: Any) -> None:
    row = modes.points_judge()(grid() + 0.5)
    assert row["modes"] == "0"
    assert float(row["share"]) < 0.001


def test_modes_of_no_width_are_all_hit_and_seen_to_be_points(modes: Any) -> None:
    row = modes.points_judge()(grid().round())
    assert (row["modes"], row["share"], row["width"]) == ("25", "1.0000", "0.000")


def test_a_triple_counts_only_if_all_its_channels_are_certain(modes: Any) -> None:
    digit = torch.tensor([[1, 2, 3], [1, 2, 3], [4, 5, 6], [7, 8, 9]])
    chance = torch.tensor([[0.95, 0.9, 1.0], [0.99, 0.99, 0.99], [0.99, 0.89, 0.99], [0.5, 0.5, 0.99]])
    row = modes.count_triples(digit, chance)
    assert (row["n"], row["modes"], row["certain"], row["share"]) == ("4", "1", "0.7500", "0.5000")
    assert float(row["kl"]) == pytest.approx(np.log(1000), abs=1e-4)  # all that counts is on one of 1,000


def test_the_divergence_to_uniform_in_closed_form(modes: Any) -> None:
    assert modes.to_uniform(np.array([5, 5, 5, 5])) == pytest.approx(0)
    assert modes.to_uniform(np.array([8, 8, 0, 0])) == pytest.approx(np.log(2))
    assert modes.to_uniform(np.array([3, 1])) == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert np.isnan(modes.to_uniform(np.zeros(3)))


def test_a_row_is_made_once(modes: Any, tmp_path: Path) -> None:
    rows, named = tmp_path / "rows.csv", modes.key("points", "gan", {"batch": 8}, 0, 100)
    assert not modes.there(rows, named)
    modes.append(rows, named | {"n": "5", "modes": "3"}, modes.COLUMNS)
    assert modes.there(rows, named)
    for other in (("points", "gan", {"batch": 8}, 1, 100), ("points", "gan", {"batch": 9}, 0, 100)):
        assert not modes.there(rows, modes.key(*other))
    assert "| points | gan | batch=8 | 100 | 1 | 5 | 3 |" in modes.table(modes.read(rows))
