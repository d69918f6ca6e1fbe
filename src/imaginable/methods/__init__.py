"""A file here is a method: the folder is the registry. Listing it imports neither the methods nor torch."""

import ast
from pathlib import Path

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Names of all methods, alphabetically."""
    return sorted(path.stem for path in _FOLDER.glob("*.py") if not path.stem.startswith("_"))


def summary(name: str) -> str:
    """First line of a method's docstring."""
    tree = ast.parse((_FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").splitlines()[0]
