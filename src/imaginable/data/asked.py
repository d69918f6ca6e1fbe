"""What is asked for, opened only as far as needed: content and size are known from earlier where nothing changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from imaginable.data import cache, drawn, toys
from imaginable.data.items import Source, SourceKind
from imaginable.data.sources import locate, open_source
from imaginable.data.survey import common_size, digest

if TYPE_CHECKING:
    from imaginable.data.dataset import DataOptions

DEFAULT_SIZE = 64
"""pixels on a side for pictures of different sizes"""


@dataclass
class Asked:
    """The source as far as it has to be opened: for most of what is in the cache already, it is not."""

    options: DataOptions
    stack: ExitStack
    masks: Asked | None = None

    @cached_property
    def located(self) -> tuple[SourceKind, Path]:
        return locate(self.options.source)

    @cached_property
    def source(self) -> Source:
        return self.stack.enter_context(open_source(self.options))

    @cached_property
    def content(self) -> str:
        """A hash of everything that will be read."""
        kind, path = self.located
        if kind == "folder":
            return _folder_digest(path, self.source)
        if kind == "built-in":
            # its code is its content
            code = [digest(Path(module.__file__ or "").read_bytes()) for module in (drawn, toys)]
            return cache.key(self.options.source, self.options.limit, *code)
        with path.open("rb") as file:
            return file_digest(file, "blake2b").hexdigest()[:32]

    @property
    def digest(self) -> str:
        """The content, that of masks included."""
        return cache.key(self.content, self.masks.content) if self.masks else self.content

    def best_size(self, sizes: Callable[[int], bool] | None) -> int:
        """Where none was asked for: the pictures' own, as near as the method takes it, else the default."""
        halved = self.options.side_by_side
        name = cache.key("own size", self.content, self.options.limit, halved)
        own = cache.remembered(name, lambda: common_size(self.source, halved))
        if own is None or sizes is None or sizes(own):
            return own or DEFAULT_SIZE
        near = [size for size in range(4, 1025) if sizes(size)]
        return min(near, key=lambda size: abs(math.log(size / own)), default=DEFAULT_SIZE)


def _folder_digest(root: Path, source: Source) -> str:
    """A hash of names and contents, remembered by names, lengths and times: large sets are read once."""
    names = [item.name for item in source.items] + list(source.tables)
    facts = []
    for name in names:
        try:
            found = (root / name).stat()
            facts.append([name, found.st_size, found.st_mtime_ns])
        except OSError:
            facts.append([name, -1, -1])

    def compute() -> str:
        return cache.key([[name, _file_digest(root / name)] for name in names])

    return str(cache.remembered(cache.key("folder", str(root.resolve()), facts), compute))


def _file_digest(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file_digest(file, "blake2b").hexdigest()
    except OSError:
        return ""
