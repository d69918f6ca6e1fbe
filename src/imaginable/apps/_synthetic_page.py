"""augment.html: what was kept of every class, what was refused and why."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

import numpy as np

from imaginable.apps import _page
from imaginable.apps._filter import REASONS, Filter
from imaginable.apps._harvest import Harvest
from imaginable.apps._makers import Asked, Maker
from imaginable.data import images

SHOWN = 16
"""pictures of a class"""


def page(maker: Maker, rule: Filter, harvests: Sequence[Harvest], asked: Asked) -> str:
    return _page.page("synthetic pictures", [_article(maker, rule, harvests, asked)])


def _article(maker: Maker, rule: Filter, harvests: Sequence[Harvest], asked: Asked) -> str:
    kept = sum(len(one.kept) for one in harvests)
    origins = ", ".join(dict.fromkeys(maker.models[one.name].origin(asked.seed) for one in harvests))
    said = rule.said()
    parts = [
        f"<h1>{kept:,} synthetic pictures</h1>",
        f"<p>Made by {html.escape(origins)}, for the classes of <code>{html.escape(maker.options.source)}</code>. "
        "All pictures on this page but the rows of real ones are synthetic.</p>",
        "<h2>Kept and refused</h2>",
        _page.table(["class", "kept", "drawn", *REASONS], list(_rows(harvests, asked))),
        "<p>A drawn picture is refused, and counted at the first reason that holds, where it is</p><ul>",
        *(f"<li><b>{reason}</b>: {html.escape(said[reason])}</li>" for reason in REASONS),
        "</ul><h2>Kept</h2>",
        *(_kept(one) for one in harvests if one.kept),
        *(_refused(reason, harvests) for reason in REASONS),
        "<h2>Real ones, to compare with</h2>",
        *(_real(maker, one.name) for one in harvests),
    ]
    return f"<article>{''.join(parts)}</article>"


def _rows(harvests: Sequence[Harvest], asked: Asked) -> Iterator[list[str]]:
    for one in harvests:
        short = ' <span class="warning">fell short</span>' if len(one.kept) < asked.per_class else ""
        refused = [f"{one.refused[reason]:,}" for reason in REASONS]
        yield [html.escape(one.name), f"{len(one.kept):,}{short}", f"{one.drawn:,}", *refused]


def _kept(harvest: Harvest) -> str:
    return _page.sheet(np.stack([one.pixels for one in harvest.kept[:SHOWN]]), SHOWN, f"{harvest.name} (synthetic)")


def _refused(reason: str, harvests: Sequence[Harvest]) -> str:
    of = {one.name: np.stack(one.examples[reason]) for one in harvests if reason in one.examples}
    if not of:
        return ""
    rows, names = list(of.values()), ", ".join(of)
    scale = 2.0 if rows[0].shape[2] <= _page.TINY else 1.0
    return f"<h2>Refused: {reason}</h2>" + _page.picture(images.rows(rows), f"a row each: {names}", scale)


def _real(maker: Maker, name: str) -> str:
    dataset = maker.dataset
    own = dataset.train[dataset.labels[dataset.train] == maker.classes.index(name)][:SHOWN]
    return _page.sheet(images.to_uint8(dataset.batch(own).x), SHOWN, f"{name} (real)")
