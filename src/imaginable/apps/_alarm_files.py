"""What `anomalies` writes: a table of all scores, heat maps over the highest pictures, a page of them."""

from __future__ import annotations

import csv
import html
import io
from pathlib import Path

import numpy as np
from PIL import Image

from imaginable.apps import _folder, _page
from imaginable.apps._alarms import Alarms, Kept
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.data import images

TABLE, PAGE, MAPS = "scores.csv", "anomalies.html", "maps"
_HEAD = ["file", "score", "verdict", "p_value"]
_SIDE = 256
"""pixels that a heat map is enlarged to at least, by a whole factor"""
_COLOURS = np.array([[255, 225, 60], [255, 90, 20], [200, 0, 80]], dtype=np.float32)
"""of heat from little to much"""


def refuse_strange(out: Path) -> None:
    """Raises UserError for a folder in which a table of someone else's would be lost."""
    table = out / TABLE
    if out.is_file():
        raise UserError(f"--out {out}: this is a file, and a folder was expected")
    if table.exists() and not table.read_text(encoding="utf-8", errors="replace").startswith(",".join(_HEAD[:3])):
        raise UserError(f"--out {out}: {TABLE} is there and no result of imaginable; give another folder")


def write(alarms: Alarms, out: Path, pictures: str) -> None:
    """Everything anew; heat maps of an earlier call are removed."""
    files.write_text(out / TABLE, _table(alarms))
    for old in sorted((out / MAPS).rglob("*.png")) if (out / MAPS).is_dir() else ():
        if _folder.is_ours(old):
            old.unlink()
    kept = alarms.kept
    for one, target in zip(kept, _folder.targets_of([one.judged.name for one in kept], out / MAPS), strict=True):
        if one.heat is not None:
            picture = images.png(overlay(one.pixels, one.heat), None, {"Software": images.SOFTWARE})
            files.write_bytes(target, picture)
    files.write_text(out / PAGE, _page.page("anomalies", [_article(alarms, kept, pictures)]))


def _table(alarms: Alarms) -> str:
    box = io.StringIO()
    writer = csv.writer(box, lineterminator="\n")
    writer.writerow([*_HEAD, *alarms.others])
    for one in alarms.judged:
        verdict = "anomalous" if one.anomalous else "good"
        others = [f"{one.others[name]:.6g}" for name in alarms.others]
        writer.writerow([one.name, f"{one.score:.6g}", verdict, f"{one.p_value:.4g}", *others])
    for name, why in alarms.unreadable.items():
        writer.writerow([name, "", f"unreadable: {why}", "", *[""] * len(alarms.others)])
    return box.getvalue()


def overlay(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A picture uint8 (h, w, c) in pale with its heat (h, w) in [0, 1] over it, uint8 (H, W, 3), enlarged."""
    large = enlarged(pixels).astype(np.float32)
    size = (large.shape[1], large.shape[0])
    smooth = np.asarray(Image.fromarray(heat.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
    strength = smooth.clip(0, 1)[..., None]
    places = np.linspace(0, 1, len(_COLOURS))
    tint = np.stack([np.interp(strength[..., 0], places, _COLOURS[:, channel]) for channel in range(3)], axis=-1)
    cover = 0.85 * np.sqrt(strength)
    pale = 0.7 * large + 0.3 * 160
    mixed: np.ndarray = np.rint((1 - cover) * pale + cover * tint).astype(np.uint8)
    return mixed


def _article(alarms: Alarms, kept: list[Kept], pictures: str) -> str:
    model = alarms.detector.model
    chosen = "".join(f"<p>{html.escape(line)}</p>" for line in (alarms.rule, alarms.conclusion))
    scores = "\n".join(alarms.detector.described)
    parts = [
        f"<h1>Anomalies in {html.escape(pictures)}</h1><p>Scored by {html.escape(model.origin())}.</p>{chosen}",
        f"<h2>The scores</h2><pre>{html.escape(scores)}</pre>",
        _unreadable(alarms),
        f"<h2>The {len(kept):,} highest of {len(alarms.judged):,}, highest first</h2>",
        *[_figure(number, one, alarms) for number, one in enumerate(kept, start=1)],
    ]
    return f"<article>{''.join(parts)}</article>"


def _unreadable(alarms: Alarms) -> str:
    if not alarms.unreadable:
        return ""
    lines = "".join(f"<li>{html.escape(name)}: {html.escape(why)}</li>" for name, why in alarms.unreadable.items())
    return f"<h2>Could not be read</h2><ul>{lines}</ul>"


def _figure(number: int, one: Kept, alarms: Alarms) -> str:
    """The picture beside its heat map, with what was found."""
    judged, shown = one.judged, [enlarged(one.pixels)]
    if one.heat is not None:
        shown.append(overlay(one.pixels, one.heat))
    verdict = "anomalous" if judged.anomalous else "good"
    caption = f"{number}. {judged.name}: {verdict}, {judged.score:.4g} against {alarms.threshold:.4g}, "
    caption += f"p = {judged.p_value:.3g}"
    return _page.picture(np.concatenate(shown, axis=1), caption)


def enlarged(pixels: np.ndarray) -> np.ndarray:
    """A picture uint8 (h, w, c) in colour, by a whole factor as large as a heat map is shown."""
    factor = max(1, -(-_SIDE // pixels.shape[1]))
    colour = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
    return colour.repeat(factor, axis=0).repeat(factor, axis=1)
