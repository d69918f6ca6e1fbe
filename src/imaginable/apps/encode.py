"""Codes of pictures, and which pictures are nearest to each other by code."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

from imaginable import model as models
from imaginable.apps import _pictures
from imaginable.apps._pictures import Pictures, Say
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.data import images

NEIGHBOURS = 5
SHOWN = 16


def encode(run: Path, pictures: str, *, out: Path | None = None, say: Say = print) -> np.ndarray:
    """Writes the codes (.npz: codes, names, labels, nearest; or .csv) and, beside them, a sheet of pictures
    with their nearest ones; returns the codes (n, *code shape)."""
    out = out or Path(run) / "codes.npz"
    if out.suffix not in (".npz", ".csv"):
        raise UserError(f"--out {out}: the ending says the format, .npz or .csv")
    model = models.load(run)
    given = _pictures.read(pictures, model, say)
    codes = model.encode_tensor(images.to_float(given.arrays)).numpy()
    near = nearest(codes)
    if out.suffix == ".npz":
        labels = np.array([label or "" for label in given.labels])
        with files.replacing(out) as temporary:
            np.savez(temporary, codes=codes, names=np.array(given.names), labels=labels, nearest=near)
    else:
        files.write_text(out, _as_csv(codes, given, near))
    say(f"{len(codes)} codes of {codes[0].size} numbers in {out}")
    if near.shape[1]:
        sheet = out.with_name(f"{out.stem}-nearest.png")
        columns = np.concatenate([np.arange(len(codes))[:, None], near], axis=1)[:SHOWN]
        images.save(sheet, images.sheet(given.arrays[columns.ravel()], columns.shape[1]), None)
        say(f"the first {len(columns)} pictures, each with its {near.shape[1]} nearest by code, in {sheet}")
    return codes


def nearest(codes: np.ndarray) -> np.ndarray:
    """Indices (n, k) of the items nearest to each, by Euclidean distance of the codes, itself left out."""
    count = min(NEIGHBOURS, len(codes) - 1)
    if count == 0:
        return np.empty((len(codes), 0), dtype=np.int64)
    flat = codes.reshape(len(codes), -1)
    found: np.ndarray = NearestNeighbors(n_neighbors=count).fit(flat).kneighbors(return_distance=False)
    return found


def _as_csv(codes: np.ndarray, given: Pictures, near: np.ndarray) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    flat = codes.reshape(len(codes), -1)
    writer.writerow(["file", "label", "nearest", *(f"z{number}" for number in range(flat.shape[1]))])
    for name, label, row, others in zip(given.names, given.labels, flat, near, strict=True):
        closest = " | ".join(given.names[index] for index in others)
        writer.writerow([name, label or "", closest, *(f"{value:.6g}" for value in row)])
    return text.getvalue()
