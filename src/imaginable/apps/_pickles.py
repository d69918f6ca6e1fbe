"""A pickle, read without ever calling what it names.

A pickle is a program for a small machine with a stack. Most of its steps make plain values; some say that a function,
which the file names, is to be called, and Python's own reader calls whatever that is. This machine calls nothing that a
file names: a name stands for the maker that the caller has given it, an ordinary function of this package that makes a
plain value of plain values, and any other name ends the reading.
"""

from __future__ import annotations

import pickletools
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

Maker = Callable[[tuple[Any, ...]], Any]

MOST_STEPS = 2_000_000
"""of a file; an official one takes tens of thousands. What a step makes takes far more memory than the step itself"""
MOST_WAITING = 5_000
"""values on the stack: where lists are nested, those that are not complete yet"""
_DAMAGED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    struct.error,
)
"""what goes wrong in this package's own functions when a file does not hold what they expect"""
_KEY = (str, int)
"""what may be a key or in a set: for deep tuples even their hash is a danger"""


class RefusedError(Exception):
    """Why a file is not read, as the rest of a sentence that begins with its name; one line, whatever the file says."""

    def __init__(self, why: str) -> None:
        super().__init__("".join(letter if letter.isprintable() else "?" for letter in why))


@dataclass(frozen=True)
class Name:
    """What a file names by module and name, and what makes a value of it; never the thing itself."""

    text: str
    make: Maker


class Completed(ABC):
    """A value that a file completes in a step of its own."""

    @abstractmethod
    def complete(self, state: Any) -> None:
        """Raises RefusedError, ValueError or TypeError where the state is not what it must be."""


def load(file: IO[bytes], known: Mapping[str, Maker], persistent: Maker | None = None) -> Any:
    """The value of the pickle that begins where the file stands, which then stands behind it.

    known: the makers of all names that may occur. persistent: that of references to what lies elsewhere.
    Raises RefusedError for any other name, and for what is no complete pickle or would take too much.
    """
    machine = _Machine(known, persistent)
    try:
        for number, (operation, argument, _) in enumerate(pickletools.genops(file)):
            if number > MOST_STEPS:
                raise RefusedError("has too many steps for an official checkpoint")
            if operation.name == "STOP":
                return machine.stack.pop()
            machine.step(operation.name, argument)
            if len(machine.stack) > MOST_WAITING:
                raise RefusedError("is nested too deeply for an official checkpoint")
    except _DAMAGED as error:
        raise RefusedError("is not a complete pickle: damaged, cut off, or something else") from error
    raise RefusedError("is not a complete pickle: it has no end")


_NOTHING = {"PROTO", "FRAME"}
_ARGUMENT = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, type[Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_GETS = {"GET", "BINGET", "LONG_BINGET"}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}


class _Machine:
    """The stack, where marks on it stand, and what is remembered."""

    def __init__(self, known: Mapping[str, Maker], persistent: Maker | None) -> None:
        self.known, self.persistent = known, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, operation: str, argument: Any) -> None:
        if operation in _NOTHING:
            return
        if operation in _ARGUMENT:
            self.stack.append(argument)
        elif operation in _CONSTANTS:
            self.stack.append(_CONSTANTS[operation])
        elif operation in _EMPTY:
            self.stack.append(_EMPTY[operation]())
        elif operation in _TUPLES:
            self.stack.append(self._last(_TUPLES[operation]))
        elif operation in _GETS:
            self.stack.append(self.memo[argument])
        elif operation in _PUTS:
            self.memo[argument] = self.stack[-1]
        elif not (self._order(operation) or self._collect(operation)):
            self._make(operation, argument)

    def _order(self, operation: str) -> bool:
        match operation:
            case "MARK":
                self.marks.append(len(self.stack))
            case "POP":
                self.stack.pop()
            case "POP_MARK":
                self._marked()
            case "DUP":
                self.stack.append(self.stack[-1])
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.stack[-1]
            case _:
                return False
        return True

    def _collect(self, operation: str) -> bool:
        match operation:
            case "TUPLE":
                self.stack.append(tuple(self._marked()))
            case "LIST":
                self.stack.append(self._marked())
            case "DICT":
                self.stack.append(_filled({}, self._marked()))
            case "APPEND":
                (item,) = self._last(1)
                self._top(list).append(item)
            case "APPENDS":
                items = self._marked()
                self._top(list).extend(items)
            case "SETITEM":
                pair = self._last(2)
                _filled(self._top(dict), pair)
            case "SETITEMS":
                pairs = self._marked()
                _filled(self._top(dict), pairs)
            case "ADDITEMS":
                items = self._marked()
                self._top(set).update(map(key, items))
            case _:
                return False
        return True

    def _make(self, operation: str, argument: Any) -> None:
        match operation:
            case "GLOBAL":
                self.stack.append(self._named(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                self.stack.append(self._named(*self._last(2)))
            case "REDUCE" | "NEWOBJ":
                name, arguments = self._last(2)
                if not isinstance(name, Name) or not isinstance(arguments, tuple):
                    raise RefusedError("calls what is no name; refused without running anything")
                self.stack.append(name.make(arguments))
            case "BUILD":
                (state,) = self._last(1)
                if not isinstance(self.stack[-1], Completed):
                    raise RefusedError("sets attributes, which no official checkpoint needs; refused without doing it")
                self.stack[-1].complete(state)
            case "BINPERSID" if self.persistent is not None:
                (reference,) = self._last(1)
                self.stack.append(self.persistent(reference))
            case _:
                raise RefusedError(f"takes the step {operation}, which no official checkpoint needs; refused")

    def _named(self, module: Any, name: Any) -> Name:
        text = f"{_text(module)}.{_text(name)}"
        if text not in self.known:
            raise RefusedError(
                f"names {text[:100]}, which no official checkpoint needs; refused without running anything"
            )
        return Name(text, self.known[text])

    def _last(self, count: int) -> tuple[Any, ...]:
        """Takes so many values off the stack, in the order in which they came there."""
        if count > len(self.stack):
            raise IndexError("the stack is empty")
        start = len(self.stack) - count
        taken = tuple(self.stack[start:])
        del self.stack[start:]
        return taken

    def _marked(self) -> list[Any]:
        """Takes what lies above the last mark."""
        return list(self._last(max(0, len(self.stack) - self.marks.pop())))

    def _top(self, kind: type[Any]) -> Any:
        top = self.stack[-1]
        if type(top) is not kind:
            raise TypeError(f"no {kind.__name__}")
        return top


def key(value: Any) -> str | int:
    if not isinstance(value, _KEY):
        raise RefusedError("has keys that are neither text nor numbers, which no official checkpoint needs; refused")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _filled(target: dict[Any, Any], pairs: list[Any] | tuple[Any, ...]) -> dict[Any, Any]:
    target.update(zip(map(key, pairs[::2]), pairs[1::2], strict=True))
    return target
