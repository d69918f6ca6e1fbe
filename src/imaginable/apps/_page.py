"""Pieces of the pages that the verbs write: one file each, which needs no network."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from imaginable.data import images

matplotlib.use("agg")

TINY = 40
"""pixels on a side up to which pictures are shown twice as large"""

STYLE = """
:root { color-scheme: light dark; --soft: color-mix(in srgb, currentColor 55%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem }
p, td, figcaption { color: var(--soft) } figcaption { width: min-content; min-width: 100% } code { font-size: .9em }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0 }
th { font-weight: 600; font-size: .9rem; white-space: nowrap }
tr + tr td { border-top: 1px solid color-mix(in srgb, currentColor 18%, transparent) }
td b { color: CanvasText }
figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; max-width: 100% }
.side { display: flex; gap: 1rem } .side figure { flex: 1 1 0; min-width: 0; margin-right: 0 }
.side img { width: 100%; max-width: 36rem }
.aligned { table-layout: fixed } .aligned :is(th, td) { overflow-wrap: break-word; white-space: normal }
.aligned :is(th, td):is(:first-child, :last-child) { width: 27% }
img { image-rendering: pixelated; max-width: 100%; border-radius: 4px }
img.plot { image-rendering: auto; background: #fff }
article + article { border-top: 1px solid var(--soft); margin-top: 3rem; padding-top: 1rem }
.warning { color: #b45309 }
"""


def page(title: str, articles: Sequence[str]) -> str:
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return f"{head}{view}<style>{STYLE}</style><main>{''.join(articles)}</main></html>\n"


def sheet(arrays: np.ndarray, columns: int, caption: str) -> str:
    """uint8 pictures (n, h, w, c), so many to a row; tiny ones twice as large."""
    return picture(images.sheet(arrays, columns), caption, scale=2.0 if arrays.shape[2] <= TINY else 1.0)


def picture(array: np.ndarray, caption: str, scale: float = 1.0) -> str:
    """uint8 (h, w, c)."""
    buffer = io.BytesIO()
    images.picture(array).save(buffer, format="PNG")
    return figure(buffer.getvalue(), "png", caption, scale)


def figure(content: bytes, form: str, caption: str, scale: float, kind: str = "sheet") -> str:
    width = round(Image.open(io.BytesIO(content)).width * scale)
    data = base64.b64encode(content).decode()
    image = f'<img class="{kind}" width="{width}" alt="{html.escape(caption)}" src="data:image/{form};base64,{data}">'
    return f"<figure>{image}<figcaption>{html.escape(caption)}</figcaption></figure>"


def plot(drawn: Figure, caption: str = "") -> str:
    """A matplotlib figure as it goes into a page."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=110)
    return figure(buffer.getvalue(), "png", caption, scale=0.9, kind="plot")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """Cells are HTML already. kind: "aligned" gives tables of one page the same columns."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
