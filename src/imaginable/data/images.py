"""Pictures out: sheets, strips, and files that say they are synthetic."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, PngImagePlugin
from torch import Tensor

from imaginable.core import files
from imaginable.core.errors import UserError

PAPER = 255
"""grey value between the pictures of a sheet"""

SOFTWARE = "imaginable"
"""what a written picture's metadata names as its program"""


def to_uint8(x: Tensor) -> np.ndarray:
    """Images (n, c, h, w) in [-1, 1] as uint8 (n, h, w, c)."""
    scaled = ((x.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round()
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def to_float(images: np.ndarray) -> Tensor:
    """uint8 (n, h, w, c) as images (n, c, h, w) in [-1, 1]."""
    return torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1


def sheet(images: np.ndarray, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """uint8 (n, h, w, c) as one picture, row by row; by default as square as it gets."""
    count, height, width, channels = images.shape
    columns = min(count, columns or math.ceil(math.sqrt(count)))
    rows = math.ceil(count / columns)
    shape = (rows * (height + gap) + gap, columns * (width + gap) + gap, channels)
    page = np.full(shape, PAPER, dtype=np.uint8)
    for number, image in enumerate(images):
        top, left = gap + (number // columns) * (height + gap), gap + (number % columns) * (width + gap)
        page[top : top + height, left : left + width] = image
    return page


def numbered(images: np.ndarray, columns: int) -> np.ndarray:
    """A sheet of uint8 (n, h, w, c) with the number of each, from 0, above it; always in colour."""
    count, height, width, _ = images.shape
    factor = max(1, 96 // width)
    across, down = width * factor, height * factor
    cells = []
    for number, image in enumerate(images):
        cell = Image.new("RGB", (across, down + 14), "white")
        cell.paste(
            picture(image).convert("RGB").resize((width * factor, height * factor), Image.Resampling.BICUBIC), (0, 14)
        )
        ImageDraw.Draw(cell).text((2, 1), str(number), fill="black")
        cells.append(np.asarray(cell))
    return sheet(np.stack(cells), min(columns, count))


def cut(page: np.ndarray, height: int, width: int, gap: int = 2) -> np.ndarray:
    """The cells of a `sheet`, uint8 (rows * columns, height, width, c), empty ones included.

    Raises ValueError for a page that is no sheet of such pictures.
    """
    inner = np.array(page.shape[:2]) - gap
    if (inner % (height + gap, width + gap)).any():
        raise ValueError(f"{page.shape[0]}x{page.shape[1]} pixels hold no whole number of {height}x{width} pictures")
    down, across = inner // (height + gap, width + gap)
    cells = page[gap:, gap:].reshape(down, height + gap, across, width + gap, page.shape[2])
    return cells[:, :height, :, :width].transpose(0, 2, 1, 3, 4).reshape(-1, height, width, page.shape[2])


def rows(groups: Sequence[np.ndarray]) -> np.ndarray:
    """Groups of uint8 (n, h, w, c) as one picture, a group to a row."""
    longest = max(len(group) for group in groups)
    filled = [np.pad(g, ((0, longest - len(g)), (0, 0), (0, 0), (0, 0)), constant_values=PAPER) for g in groups]
    return sheet(np.concatenate(filled), longest)


def pairs(first: np.ndarray, second: np.ndarray, columns: int = 8) -> np.ndarray:
    """Each of `first` above its partner in `second`, (n, h, w, c) each, `columns` to a row."""
    return stacked([first, second], columns)


def stacked(kinds: Sequence[np.ndarray], columns: int = 8) -> np.ndarray:
    """Item by item, that of every kind, (n, h, w, c) each, below that of the kind before, `columns` to a row."""
    rows = [
        np.concatenate([sheet(kind[at : at + columns], columns, 1) for kind in kinds])
        for at in range(0, len(kinds[0]), columns)
    ]
    widest = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 4), (0, widest - row.shape[1]), (0, 0)), constant_values=PAPER) for row in rows]
    return np.concatenate(padded)


def scatter(points: np.ndarray, extent: float, size: int = 256) -> np.ndarray:
    """2-D points (n, 2) within ±extent as dark dots on white, uint8 (size, size, 1)."""
    edges = np.linspace(-extent, extent, size + 1)
    counts, _, _ = np.histogram2d(-points[:, 1], points[:, 0], bins=[edges, edges])
    grey: np.ndarray = (255 * np.exp(-counts)).astype(np.uint8)
    return grey[..., None]


def picture(array: np.ndarray) -> Image.Image:
    """uint8 (h, w, c) as a PIL image: grey, grey with transparency, colour, colour with transparency."""
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def save(path: Path, array: np.ndarray, origin: str | None) -> None:
    """Writes uint8 (h, w, c) as PNG. `origin`: which model and seed made it; None for real pictures."""
    files.write_bytes(path, png(array, origin))


def png(
    array: np.ndarray,
    origin: str | None,
    notes: Mapping[str, str] | None = None,
    profile: bytes | None = None,
    effort: int = 6,
) -> bytes:
    """uint8 (h, w, c) as a PNG file; notes go into its metadata beside where it comes from. profile: what its colours
    mean (ICC). effort: 0 to 9, spent on making it small."""
    information = PngImagePlugin.PngInfo()
    if origin:
        information.add_itxt("Software", SOFTWARE)
        information.add_itxt("Description", synthetic(origin))
    for key, text in (notes or {}).items():
        information.add_itxt(key, text)
    box = io.BytesIO()
    picture(array).save(box, format="PNG", pnginfo=information, icc_profile=profile, compress_level=effort)
    return box.getvalue()


def text_of(path: Path, key: str) -> str:
    """A note in a PNG file's metadata. Raises UserError where there is none."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            text = image.text.get(key)  # type: ignore[attr-defined]
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path}: not readable as a PNG picture") from error
    if text is None:
        raise UserError(f"{path}: this picture carries no {key}")
    return str(text)


def save_gif(path: Path, frames: Sequence[np.ndarray], origin: str, seconds: float) -> None:
    """Writes an endless animation of uint8 frames (h, w, c), `seconds` long."""
    images = [picture(frame).convert("RGB") for frame in frames]
    with files.replacing(path) as temporary:
        images[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=max(20, round(1000 * seconds / len(images))),
            loop=0,
            comment=synthetic(origin).encode(),
        )


def synthetic(origin: str) -> str:
    """The note that travels with every picture the package makes."""
    return f"Synthetic image, made by {origin}"
