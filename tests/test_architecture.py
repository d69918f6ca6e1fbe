"""The rules of docs/architecture.md that a program can read: layers, abstract or final, what the code never does."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

import imaginable
from imaginable import methods
from imaginable.methods._method import Method, find

SOURCE = Path(imaginable.__file__).parent
ROOT = SOURCE.parents[1]
LAYERS = {
    "core": 0,
    "nn": 1,
    "objectives": 1,
    "data": 1,
    "metrics": 1,
    "networks": 2,
    "methods": 3,
    "latent": 4,
    "training": 4,
    "model": 5,
    "apps": 6,
    "studio": 7,
    "entry": 8,
}
ENTRY = {"cli", "commands", "__main__"}
FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
every_method = pytest.mark.parametrize("name", methods.names())


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Full names of all modules a file imports, wherever in it."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            found |= {_module(node.module, alias.name) for alias in node.names}
    return found


def _module(module: str, name: str) -> str:
    """`from module import name`: the submodule of that name where there is one."""
    base = SOURCE.parent / Path(*module.split("."), name)
    return f"{module}.{name}" if base.is_dir() or base.with_suffix(".py").exists() else module


def own(path: Path) -> set[str]:
    """Imported modules of the package, without its name. Bare `imaginable` (for its version) is left out."""
    return {name.removeprefix("imaginable.") for name in imported(path) if name.startswith("imaginable.")}


def part(module: str) -> str:
    """The folder or top-level module something belongs to; the three ways in are one."""
    first = module.split(".")[0]
    return "entry" if first in ENTRY else first


def part_of(path: Path) -> str:
    return part(path.relative_to(SOURCE).with_suffix("").parts[0])


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]


def test_the_whole_package_is_read_and_the_reader_sees_imports() -> None:
    assert {part_of(path) for path in FILES} <= set(LAYERS)
    assert len(FILES) > 40
    assert "methods._storage" in own(SOURCE / "training" / "train.py")
    assert "commands" in own(SOURCE / "cli.py"), "an import inside a function counts"


@every_file
def test_imports_go_only_downwards(path: Path) -> None:
    here = part_of(path)
    for module in own(path):
        there = part(module)
        assert there == here or LAYERS[there] < LAYERS[here], f"{here} imports {module}"


@every_file
def test_training_knows_no_paper(path: Path) -> None:
    if part_of(path) in ("training", "latent", "model"):
        of_methods = {module for module in own(path) if part(module) == "methods"}
        assert of_methods <= {"methods", "methods._method", "methods._storage"}


@every_file
def test_networks_know_neither_objectives_nor_training(path: Path) -> None:
    if part_of(path) in ("nn", "networks", "objectives"):
        assert not {part(module) for module in own(path)} & ({"objectives", "training"} - {part_of(path)})


@every_file
def test_nothing_is_run_or_looked_up_from_text(path: Path) -> None:
    named = {call.func.id for call in calls(path) if isinstance(call.func, ast.Name)}
    assert not named & {"hasattr", "setattr", "eval", "exec", "compile", "__import__"}
    assert not {name.split(".")[0] for name in imported(path)} & {"pickle", "cloudpickle", "dill", "joblib"}


@every_file
def test_torch_loads_weights_only(path: Path) -> None:
    for call in calls(path):
        if ast.unparse(call.func) == "torch.load":
            chosen = {word.arg: ast.unparse(word.value) for word in call.keywords}
            assert chosen.get("weights_only") == "True"


@every_file
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_what_the_package_does_without() -> None:
    heavy = {"torchvision", "lightning", "pytorch_lightning", "accelerate", "timm", "lpips"}
    references = {"torchmetrics", "prdc", "skimage"}  # the tests compare with them; without extras they pull nothing
    scripts = [path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    for path in [SOURCE / "__init__.py", *FILES, *scripts]:
        assert not {name.split(".")[0] for name in imported(path)} & heavy, path
    for path in [SOURCE / "__init__.py", *FILES]:
        assert not {name.split(".")[0] for name in imported(path)} & references, path
    for name in ("pyproject.toml", "constraints.txt"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not set(re.findall(r"[\w-]+", text)) & (heavy | {"pytorch-lightning"}), name
        assert "torchmetrics[" not in text, name


@every_method
def test_a_method_is_final_and_overrides_nothing_that_is_implemented(name: str) -> None:
    cls = find(name)
    assert vars(cls).get("__final__") is True
    assert cls.__bases__ == (Method,)
    assert not inspect.isabstract(cls)
    implemented = {
        key
        for key, value in vars(Method).items()
        if inspect.isfunction(value) and not getattr(value, "__isabstractmethod__", False)
    }
    assert "check" in implemented
    assert not implemented & set(vars(cls))


def test_the_folder_is_the_registry_and_every_method_has_a_page() -> None:
    public = {path.stem for path in (SOURCE / "methods").glob("*.py") if not path.stem.startswith("_")}
    pages = {path.stem for path in (ROOT / "docs" / "methods").glob("*.md")}
    assert public == set(methods.names())
    assert public == pages
