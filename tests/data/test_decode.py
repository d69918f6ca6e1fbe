"""Every odd kind of picture comes out upright, opaque, 8-bit, square; every bad one says why."""

from __future__ import annotations

import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import ExifTags, Image
from sample_files import encoded, picture, png_header

from imaginable.core.errors import UserError
from imaginable.data.dataset import DataOptions
from imaginable.data.decode import Unreadable, decode, dimensions
from imaginable.data.shape import Shape, shape_of

PLAIN = Shape(32)


def halves(width: int = 64, height: int = 32) -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste("red", (0, 0, width // 2, height))
    return image


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "zero bytes"),
        (b"these are words, not a picture", "not a picture"),
        (encoded(picture(), "JPEG")[:-200], "truncated"),
        (encoded(picture(), "PNG")[:-60], "truncated"),
        (png_header(60_000, 60_000), "decompression bomb"),
        (png_header(11_000, 11_000), "decompression bomb of 11000x11000"),
        (encoded(picture(size=(1, 1))), "only 1x1 pixels"),
        (encoded(picture(size=(7, 90))), "only 7x90 pixels"),
    ],
)
def test_bad_files_say_why(raw: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        decode(raw, PLAIN)


def test_a_bomb_costs_no_time_and_warns_nobody() -> None:
    start = time.process_time()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        for side in (60_000, 13_000, 11_000):  # beyond Pillow's error, its warning, and only our own limit
            with pytest.raises(Unreadable):
                dimensions(png_header(side, side))
    assert time.process_time() - start < 0.5
    assert heard == []


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # the camera was turned: red belongs on top
    found = decode(encoded(halves(), "JPEG", exif=exif, quality=95), Shape(32, "pad"))
    assert (found.width, found.height) == (32, 64)
    assert found.fixes == ("rotated as its EXIF says",)
    top, bottom = found.pixels[4, 16], found.pixels[28, 16]
    assert top[0] > 200 > 60 > top[2]
    assert bottom[2] > 200 > 60 > bottom[0]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_a_film_the_first_frame_is_taken_and_that_is_said(kind: str) -> None:
    first, *others = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "lime"))
    found = decode(encoded(first, kind, save_all=True, append_images=others), PLAIN)
    assert "first frame of several taken" in found.fixes
    assert found.pixels[16, 16, 0] > 240
    assert found.pixels[16, 16, 1:].max() < 15
    assert "first frame of several taken" not in decode(encoded(first, kind), PLAIN).fixes


def test_alpha_is_put_on_the_background() -> None:
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    clear.paste((0, 255, 0, 128), (0, 0, 8, 16))
    found = decode(encoded(clear), Shape(16, background=(255, 0, 0)))
    assert found.fixes == ("transparency filled",)
    assert found.pixels[8, 12].tolist() == [255, 0, 0]
    assert np.allclose(found.pixels[8, 4], [127, 128, 0], atol=1)


def test_opaque_alpha_is_no_fix() -> None:
    assert decode(encoded(picture(mode="RGBA")), PLAIN).fixes == ()


def test_palette_with_a_transparent_entry() -> None:
    image = Image.new("P", (16, 16), 0)
    image.putpalette([0, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 8, 16))
    found = decode(encoded(image, transparency=0), Shape(16))
    assert found.pixels[8, 12].tolist() == [255, 255, 255]
    assert found.pixels[8, 4].tolist() == [0, 0, 255]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_not_cut(kind: str) -> None:
    ramp = np.linspace(0, 65535, 16 * 16).reshape(16, 16).astype(np.uint16)
    found = decode(encoded(Image.fromarray(ramp), kind), Shape(16))
    assert found.grey
    assert found.fixes == ("16 bits scaled to 8",)
    assert np.array_equal(found.pixels[..., 0], np.rint(ramp / 257).astype(np.uint8))


RED = Image.new("RGB", (16, 16), "red")


@pytest.mark.parametrize(
    ("image", "kind", "fix"),
    [
        (Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", "CMYK converted"),
        (Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "TIFF", "CMYK converted"),
        (RED.convert("P"), "GIF", "palette converted"),
        (RED.convert("YCbCr"), "TIFF", "YCbCr converted"),
    ],
)
def test_other_colour_models_become_rgb(image: Image.Image, kind: str, fix: str) -> None:
    found = decode(encoded(image, kind), Shape(16))
    assert found.fixes == (fix,)
    assert np.allclose(found.pixels[8, 8], [255, 0, 0], atol=3)


def test_grey_is_found_by_looking() -> None:
    assert decode(encoded(picture(mode="L").convert("RGB")), PLAIN).grey
    assert not decode(encoded(picture()), PLAIN).grey
    assert not decode(encoded(picture(mode="L")), Shape(32, colour="rgb")).grey
    luma = decode(encoded(Image.new("RGB", (16, 16), (0, 255, 0))), Shape(16, colour="grey"))
    assert luma.pixels[0, 0].tolist() == [150]  # 0.587 of 255


def test_one_bit_pictures_are_black_and_white() -> None:
    found = decode(encoded(picture(mode="1")), PLAIN)
    assert found.grey
    assert set(np.unique(found.pixels)) == {0, 255}


def test_crop_takes_the_middle_and_pad_keeps_all() -> None:
    stripes = Image.new("RGB", (96, 32), "red")
    stripes.paste("blue", (32, 0, 64, 32))
    cropped = decode(encoded(stripes), Shape(32)).pixels
    assert (cropped == [0, 0, 255]).all()
    padded = decode(encoded(stripes), Shape(48, "pad", (0, 255, 0))).pixels
    assert (padded[:15] == [0, 255, 0]).all()
    assert (padded[33:] == [0, 255, 0]).all()
    assert padded[24, 4].tolist() == [255, 0, 0]
    assert padded[24, 24].tolist() == [0, 0, 255]


def test_own_size_is_kept_to_the_bit() -> None:
    image = picture(seed=5)
    assert np.array_equal(decode(encoded(image), PLAIN).pixels, np.asarray(image))


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_large_jpegs_report_their_own_size(fit: str) -> None:
    """The decoder shrinks them first; nobody must notice."""
    large = picture(size=(1600, 1200))
    found = decode(encoded(large, "JPEG", quality=95), Shape(64, fit))
    assert (found.width, found.height) == (1600, 1200)
    slow = decode(encoded(large), Shape(64, fit))
    assert np.abs(found.pixels.astype(int) - slow.pixels).mean() < 4


def test_arrays_go_the_same_way() -> None:
    array = np.asarray(picture(size=(20, 20)))
    assert np.array_equal(decode(array, Shape(20)).pixels, array)
    assert decode(array[..., 0], Shape(32)).pixels.shape == (32, 32, 1)
    assert decode(array[..., :1], Shape(32)).pixels.shape == (32, 32, 1)


def test_warning_filters_are_as_before() -> None:
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: decode(encoded(picture(seed)), PLAIN), range(40)))
    assert warnings.filters == before


def test_unknown_background_is_named() -> None:
    with pytest.raises(UserError, match=r"--background wite: no such colour, did you mean 'white'"):
        shape_of(DataOptions("x", background="wite"), 32)
