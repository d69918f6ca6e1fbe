"""The layers of docs/architecture.md, read from every import; and what the source must not contain."""

import ast
import re
from pathlib import Path

import pytest

from imaginable import methods
from imaginable.methods._method import Method, find

SOURCE = Path(__file__).parents[1] / "src" / "imaginable"
FILES = sorted(SOURCE.rglob("*.py"))
LAYERS = {
    "core": 0,
    "nn": 1,
    "objectives": 1,
    "data": 1,
    "networks": 2,
    "methods": 3,
    "latent": 4,
    "training": 4,
    "model": 5,
    "apps": 6,
    "commands": 8,
    "cli": 8,
    "__main__": 8,
}


def place(path: Path) -> str:
    """The folder or file of the top level that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[str]:
    """Modules of the package that a file imports, wherever in it."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name.removeprefix("imaginable.") for name in found if name.startswith("imaginable.")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_downwards(path: Path) -> None:
    own = place(path)
    if own == "__init__":
        return
    for name in imports(path):
        other = name.split(".")[0]
        if other == own or other == "__version__":
            continue
        assert other in LAYERS, f"{other} has no layer yet"
        below = LAYERS[other] < LAYERS[own]
        same_top = LAYERS[other] == LAYERS[own] == 8
        assert below or same_top, f"{own} imports {name}"
    if own == "training":
        used = {name.split(".")[1] for name in imports(path) if name.startswith("methods.")}
        assert used <= {"_method", "_storage"}


def test_objectives_and_networks_know_nothing_of_training() -> None:
    for folder in ("objectives", "networks", "nn"):
        for path in (SOURCE / folder).glob("*.py"):
            assert not any(name.startswith(("training", "methods", "data")) for name in imports(path)), path


@pytest.mark.parametrize("name", methods.names())
def test_methods_are_abstract_or_final(name: str) -> None:
    cls = find(name)
    assert getattr(cls, "__final__", False)
    assert cls.__bases__[0] is Method or cls.__bases__ == (Method,)
    implemented = {
        key
        for key, value in vars(Method).items()
        if callable(value) and not getattr(value, "__isabstractmethod__", False)
    }
    implemented = {key for key in implemented if not key.startswith("__")}
    assert not implemented & set(vars(cls))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_what_the_source_must_not_contain(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for word in (r"\bhasattr\(", r"\bsetattr\(", r"\beval\(", r"\bexec\(", r"import pickle", r"weights_only=False"):
        assert not re.search(rf"(?<!\.){word}", text), word
    for package in ("torchvision", "lightning", "accelerate", "torchmetrics"):
        assert not re.search(rf"^\s*(import|from) {package}", text, re.MULTILINE)
    for call in re.findall(r"torch\.load\((?:[^()]|\([^()]*\))*\)", text):
        assert "weights_only=True" in call


def test_no_dependency_pulls_torchvision() -> None:
    project = (SOURCE.parents[1] / "pyproject.toml").read_text()
    for package in ("torchvision", "lpips", "torch-fidelity", "timm", "torchmetrics[image]"):
        assert package not in project
