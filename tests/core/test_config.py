"""A dataclass survives YAML, and what does not fit it is refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from imaginable.core import config
from imaginable.core.errors import UserError


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    steps: int = 3


@dataclass(frozen=True)
class Outer:
    name: str
    mode: Literal["slow", "fast"] = "slow"
    pair: tuple[float, float] = (0.5, 0.999)
    names: tuple[str, ...] = ()
    limit: int | None = None
    either: int | str = 0
    flag: bool = False
    folder: Path = Path("runs")
    weights: dict[str, float] = field(default_factory=dict)
    inner: Inner = Inner()


FULL = Outer(
    "Zürich: 'yes'",
    "fast",
    (0.0, 1e-12),
    ("a", "null", "1"),
    7,
    "eight",
    True,
    Path("a b") / "c",
    {"kl": 1.5},
    Inner(3e-4, 9),
)


@pytest.mark.parametrize("value", [FULL, Outer("plain")])
def test_yaml_and_back(value: Outer, tmp_path: Path) -> None:
    path = tmp_path / "value.yaml"
    path.write_text(config.dump(value), encoding="utf-8")
    assert config.from_mapping(Outer, config.load(path), "here") == value


def test_numbers_a_person_writes_are_read() -> None:
    read = config.from_mapping(Inner, {"rate": "1e-3"}, "here")
    assert read.rate == 1e-3
    whole = config.from_mapping(Inner, {"rate": 1}, "here").rate
    assert (whole, type(whole)) == (1.0, float)


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({"name": "a", "lmit": 3}, r"here: unknown key 'lmit', did you mean 'limit'\?"),
        ({"name": "a", "inner": {"stps": 3}}, r"here: inner: unknown key 'stps', did you mean 'steps'\?"),
        ({}, "here: name missing"),
        ({"name": 3}, "here: name: 3 is not a valid str"),
        ({"name": "a", "mode": "brisk"}, "here: mode: 'brisk' is none of slow, fast"),
        ({"name": "a", "pair": [1.0]}, r"here: pair: 2 values were expected, found \[1.0\]"),
        ({"name": "a", "pair": 0.5}, "here: pair"),
        ({"name": "a", "limit": 2.5}, "here: limit: 2.5 is not a valid int"),
        ({"name": "a", "limit": True}, "here: limit: True is not a valid int"),
        ({"name": "a", "flag": 1}, "here: flag: 1 is not a valid bool"),
        ({"name": "a", "inner": {"rate": "quick"}}, "here: inner: rate: 'quick' is not a valid float"),
        ({"name": "a", "inner": {"rate": True}}, "here: inner: rate: True is not a valid float"),
        ({"name": "a", "inner": 3}, "here: inner: a mapping"),
        (["name"], "here: a mapping"),
        (None, "here: a mapping"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(mapping: Any, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        config.from_mapping(Outer, mapping, "here")


def test_a_strange_word_gets_no_suggestion() -> None:
    with pytest.raises(UserError, match=r"unknown key 'xyzzy'$"):
        config.from_mapping(Outer, {"name": "a", "xyzzy": 1}, "here")


@pytest.mark.parametrize("content", [b"a: [1", b"\xff\xfe\x00bad", b"a: b: c"])
def test_a_file_that_is_no_yaml_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.yaml: not readable as YAML"):
        config.load(path)


def test_a_file_that_is_not_there_or_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: no such file"):
        config.load(tmp_path / "none.yaml")
    with pytest.raises(UserError, match=tmp_path.name):
        config.load(tmp_path)


def test_python_objects_in_yaml_are_not_built(tmp_path: Path) -> None:
    path = tmp_path / "evil.yaml"
    path.write_text(f"a: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']", encoding="utf-8")
    with pytest.raises(UserError, match="not readable"):
        config.load(path)
    assert not (tmp_path / "made").exists()
