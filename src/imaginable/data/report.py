"""What `check` found, as lines for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imaginable.data.check import Checked

_NAMED = 5  # files named before "and so many more"


def lines(checked: Checked) -> list[str]:
    """One fact per line; rows that would say nothing are left out."""
    what = "points" if checked.points else "pictures"
    head = f"{checked.where}: {checked.found} {what} ({checked.kind})"
    if checked.skipped:
        head += f", {checked.usable} usable"
    rows = _data(checked) + _remarks(checked)
    if not checked.points:
        rows.append(("proposed", _proposal(checked)))
    return [head, *(f"  {title:<11}{text}" for title, text in rows if text)]


def _data(checked: Checked) -> list[tuple[str, str]]:
    return [
        ("splits", _counts(checked.splits)),
        ("classes", _counts(checked.classes, limit=12)),
        ("masks" if checked.masked else "pairs", _pairs(checked)),
        ("no partner", f"{len(checked.alone)}: {several(checked.alone)}" if checked.pairs and checked.alone else ""),
        ("factors", ", ".join(_factor(checked, name) for name in checked.factors)),
        ("sizes", _sizes(checked.sizes)),
        ("colour", "" if checked.points else "all grey" if checked.grey else "colour"),
    ]


def _pairs(checked: Checked) -> str:
    if checked.pairs is None:
        return ""
    if checked.masked:
        return f"{checked.pairs} by name"
    if checked.side_by_side:
        return f"{checked.pairs} side by side"
    return f"{checked.pairs} by name in A and B" if checked.pairs else "none by name: A and B are two domains"


def _remarks(checked: Checked) -> list[tuple[str, str]]:
    fixed = [(f"{fix}", len(names)) for fix, names in checked.fixed.items()]
    copies = sum(len(group) - 1 for group in checked.duplicates)
    groups = [" = ".join(group[:3]) for group in checked.duplicates]
    return [
        ("fixed", ", ".join(f"{fix} ({count})" for fix, count in fixed)),
        ("skipped", _named(checked.skipped)),
        ("look at", _named(checked.flagged)),
        ("duplicates", f"{copies} exact copies: {several(groups, 3)}" if copies else ""),
        (
            "not used",
            ", ".join(f"{count} {ending or 'files without ending'}" for ending, count in checked.others.items()),
        ),
        *(("note", note) for note in checked.notes),
    ]


def _proposal(checked: Checked) -> str:
    flip = "--flip" if checked.proposed_flip else "no --flip"
    if checked.mirror is None:
        return f"--size {checked.proposed_size}, no --flip (too few pictures to measure)"
    far = f"mirrored pictures lie {checked.mirror:.2f} times as far from the others as the pictures themselves"
    return f"--size {checked.proposed_size}, {flip} ({far})"


def skipped_line(skipped: Mapping[str, str], found: int) -> str:
    """`skipped 3 of 200: a.png (zero bytes), ...`"""
    return f"skipped {len(skipped)} of {found}: {_reasoned(skipped)}"


def _reasoned(reasons: Mapping[str, str]) -> str:
    """Files with why they are named; a reason that all of many share is said once."""
    if len(reasons) > _NAMED and len(shared := set(reasons.values())) == 1:
        return f"{several(reasons)} (all: {shared.pop()})"
    return several([f"{name} ({why})" for name, why in reasons.items()])


def _named(reasons: Mapping[str, str]) -> str:
    if not reasons:
        return ""
    kinds = Counter(reasons.values())
    counted = f" [{_counts(kinds, 4)}]" if len(reasons) > _NAMED and len(kinds) > 1 else ""
    return f"{len(reasons)}: {_reasoned(reasons)}{counted}"


def several(words: Iterable[str], limit: int = _NAMED) -> str:
    words = list(words)
    more = f" and {len(words) - limit} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + more


def _counts(counts: Mapping[str, int], limit: int = 20) -> str:
    return several([f"{name} {count}" for name, count in counts.items()], limit)


def _factor(checked: Checked, name: str) -> str:
    values = checked.factor_values.get(name)
    return f"{name} ({len(values)} values)" if values else f"{name} (number)"


def _sizes(sizes: Mapping[tuple[int, int], int]) -> str:
    if not sizes:
        return ""
    (width, height), count = max(sizes.items(), key=lambda pair: pair[1])
    if len(sizes) == 1:
        return f"all {width}x{height}"
    if len(sizes) <= 3:
        return _counts({f"{width}x{height}": count for (width, height), count in sizes.items()})
    low = min(sizes, key=lambda size: size[0] * size[1])
    high = max(sizes, key=lambda size: size[0] * size[1])
    return f"{low[0]}x{low[1]} to {high[0]}x{high[1]}, most often {width}x{height} ({count})"
