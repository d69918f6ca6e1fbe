"""Dataclasses to YAML and back. The dataclass is the only source of truth; unknown keys are refused by name."""

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import yaml

from imaginable.core.errors import UserError, nearest

T = TypeVar("T")


def to_mapping(value: Any) -> Any:
    """A dataclass as plain mappings, lists and scalars."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_mapping(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_mapping(item) for item in value]
    if isinstance(value, dict):
        return {key: to_mapping(item) for key, item in value.items()}
    return str(value) if isinstance(value, Path) else value


def from_mapping(cls: type[T], mapping: Any, where: str) -> T:
    """Builds `cls` from `mapping`, with the defaults of `cls` for what is missing.

    Raises UserError naming `where` and the key, for an unknown key (with the nearest known one),
    a missing one, or a value of the wrong type.
    """
    if not isinstance(mapping, dict):
        raise UserError(f"{where}: a mapping of names to values was expected, found {mapping!r}")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
    for key in mapping:
        if key not in fields:
            raise UserError(f"{where}: unknown key {key!r}{nearest(str(key), fields)}")
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in mapping.items()}
    required = (name for name, field in fields.items() if _required(field))
    missing = [name for name in required if name not in values]
    if missing:
        raise UserError(f"{where}: {', '.join(missing)} missing")
    return cls(**values)


def _required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _first_that_fits(arguments, value, where)
    if origin is Literal:
        if value not in arguments:
            raise UserError(f"{where}: {value!r} is none of {', '.join(map(str, arguments))}")
        return value
    if origin is tuple and isinstance(value, (list, tuple)):
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) != len(value):
            raise UserError(f"{where}: {len(kinds)} values were expected, found {value!r}")
        return tuple(_convert(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if origin is dict and isinstance(value, dict):
        return {key: _convert(arguments[1], item, where) for key, item in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_mapping(hint, value, where)
    return _scalar(hint, value, where)


def _first_that_fits(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    named = [kind for kind in kinds if kind is not type(None)]
    for kind in named[:-1]:
        try:
            return _convert(kind, value, where)
        except UserError:
            continue
    return _convert(named[-1], value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    # YAML reads 1e-3 as text, and 1 where 1.0 is meant
    if hint is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    elif hint is Path and isinstance(value, str):
        return Path(value)
    elif isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    wanted = hint.__name__ if isinstance(hint, type) else str(hint)
    raise UserError(f"{where}: {value!r} is not a valid {wanted}")


def dump(value: Any) -> str:
    return yaml.safe_dump(to_mapping(value), sort_keys=False, allow_unicode=True)


def load(path: Path) -> Any:
    """The content of a YAML file. Raises UserError for a missing or malformed one."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except OSError as error:
        raise UserError(f"{path}: not a readable file ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise UserError(f"{path}: not readable as YAML ({first})") from error
