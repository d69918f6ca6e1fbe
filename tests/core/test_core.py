"""Configuration, seeds, schedules, sizes and files."""

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imaginable.core import config, files, seeds
from imaginable.core.errors import UserError
from imaginable.core.optimizers import Adam, Schedule
from imaginable.core.sizes import Sizes


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    name: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    inner: Inner
    count: int
    pair: tuple[float, float] = (0.0, 1.0)
    maybe: int | None = None
    flag: bool = False


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.none() | st.integers(), st.booleans())
def test_a_dataclass_survives_yaml(rate: float, count: int, maybe: int | None, flag: bool) -> None:
    import yaml

    value = Outer(Inner(rate, "b"), count, (1.5, 2.5), maybe, flag)
    assert config.from_mapping(Outer, yaml.safe_load(config.dump(value)), "here") == value


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({"inner": {}, "count": 1, "cuont": 2}, "did you mean 'count'"),
        ({"inner": {}}, "count missing"),
        ({"inner": {}, "count": "many"}, "not a valid int"),
        ({"inner": {}, "count": True}, "not a valid int"),
        ({"inner": {"name": "c"}, "count": 1}, "none of a, b"),
        ({"inner": {"rate": "fast"}, "count": 1}, "not a valid float"),
        ({"inner": {}, "count": 1, "pair": [1]}, "2 values"),
        ([], "mapping"),
    ],
)
def test_wrong_configurations_are_refused_by_name(mapping: object, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        config.from_mapping(Outer, mapping, "job.yaml")


def test_seeds_depend_on_every_part() -> None:
    assert seeds.derive(1, "a") == seeds.derive(1, "a")
    assert len({seeds.derive(1, "a"), seeds.derive(1, "b"), seeds.derive(2, "a"), seeds.derive("1a")}) == 4
    assert torch.equal(torch.rand(3, generator=seeds.generator(5)), torch.rand(3, generator=seeds.generator(5)))


@pytest.mark.parametrize("decay", ["constant", "cosine", "linear"])
def test_a_schedule_never_loses_its_first_step_and_ends_where_it_should(decay: Literal["cosine", "linear"]) -> None:
    schedule = Schedule(decay, decay_from=0.5, warmup=0.1)
    assert schedule.factor(0.0) > 0
    assert schedule.factor(0.3) == 1.0
    assert schedule.factor(1.0) == pytest.approx(1.0 if decay == "constant" else 0.0, abs=1e-9)
    falling = [schedule.factor(fraction / 100) for fraction in range(50, 101)]
    assert falling == sorted(falling, reverse=True)


def test_lazy_adam_is_stylegan2s() -> None:
    lazy = Adam(1e-3, betas=(0.5, 0.99)).lazy(16)
    c = 16 / 17
    assert lazy.lr == pytest.approx(1e-3 * c)
    assert lazy.betas == pytest.approx((0.5**c, 0.99**c))


def test_sizes_name_the_nearest_that_would_do() -> None:
    assert Sizes().takes(28)
    assert not Sizes().takes(30)
    with pytest.raises(UserError, match="nearest is 64"):
        Sizes(32, 128, powers=True).check(80, "dcgan")


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    files.write_text(path, "old")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    files.write_text(path, "old")
    with pytest.raises(UserError, match=r"file\.txt: the disk is full"), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UserError, match="runs"):
        files.write_text(tmp_path / "runs" / "job.yaml", "x")
