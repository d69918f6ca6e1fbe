"""What the README says is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from imaginable.methods import names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_first_commands_are_the_two_of_the_makefile() -> None:
    block = README.split("```")[1]
    commands = [line.split("#")[0].strip() for line in block.strip().splitlines()]
    assert commands == ["make demo", "make test"]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "test", "test-all", "lint"} <= set(targets)
    runs = (ROOT / ".ci" / "run").read_text()
    assert "make demo" in runs
    assert "make test" in runs


def test_pictures_and_pages_exist() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / link).exists(), link


def test_every_method_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)`", README, re.MULTILINE)
    assert sorted(rows) == names()


@pytest.mark.parametrize("line", [line for line in README.splitlines() if line.startswith("imaginable ")])
def test_commands_of_the_tour_are_understood(line: str) -> None:
    """As far as the data that they name, which does not exist here."""
    done = subprocess.run(
        [sys.executable, "-m", *line.split()], capture_output=True, text=True, check=False, cwd=ROOT / "tests"
    )
    assert done.returncode == 2
    said = done.stderr.strip().splitlines()
    assert len(said) == 1, done.stderr
    assert "photos" in said[0] or "runs/shoes" in said[0]
    assert "flag" not in said[0]


def test_the_five_lines_of_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    cheap = code[1].replace("images=20_000", "images=64, limit=60, width=8")
    assert cheap != code[1]
    monkeypatch.chdir(tmp_path)
    exec(compile(cheap, "README.md", "exec"), {})
    assert (tmp_path / "sneaker.png").stat().st_size > 0
