"""`translate`, `upscale` and `inpaint` on whatever pictures a person has."""

from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from translating import WORDS, trained

from imaginable.apps import _folder, _progress
from imaginable.cli import main

__all__ = ["trained"]  # a fixture

RANDOM = np.random.default_rng(0)
COLOURED = RANDOM.integers(256, size=(20, 37, 3), dtype=np.uint8)
ALPHA = RANDOM.integers(1, 256, size=(20, 37, 1), dtype=np.uint8)
Said = pytest.CaptureFixture[str]


def written(path: Path, array: np.ndarray, **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(path, **how)
    return path


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_folder_keeps_its_folders_and_names_what_is_bad(trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    run, photos, out = trained("translate"), tmp_path / "photos", tmp_path / "out"
    written(photos / "a" / "one.png", COLOURED)
    written(photos / "b" / "one.bmp", COLOURED[:9])
    (photos / "bad.jpg").write_bytes(b"not a picture")
    assert main(["translate", str(run), str(photos), "--out", str(out)]) == 0
    np.testing.assert_array_equal(read(out / "a" / "one.png"), 255 - COLOURED)
    np.testing.assert_array_equal(read(out / "b" / "one.png"), 255 - COLOURED[:9])
    lines = capsys.readouterr().out
    assert "left out bad.jpg: not a picture" in lines
    assert "2 pictures in" in lines
    assert "1 left out" in lines
    with Image.open(out / "a" / "one.png") as image:
        assert image.text["Description"].startswith("Synthetic image, made by")  # type: ignore[attr-defined]


def test_ctrl_c_says_how_far_it_came_and_leaves_nothing_half_written(
    trained: WORDS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    run, photos, out = trained("translate"), tmp_path / "photos", tmp_path / "out"
    for number in range(3):
        written(photos / f"{number}.png", COLOURED)
    interrupted(monkeypatch, KeyboardInterrupt(), after=1)
    assert main(["translate", str(run), str(photos), "--out", str(out)]) == 130
    assert "stopped: 1 of 3 pictures in" in capsys.readouterr().out
    assert [path.name for path in out.iterdir()] == ["0.png"]
    np.testing.assert_array_equal(read(out / "0.png"), 255 - COLOURED)


def test_a_disk_that_is_full_is_named_and_what_was_written_before_stays(
    trained: WORDS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    run, photos, out = trained("translate"), tmp_path / "photos", tmp_path / "out"
    for number in range(3):
        written(photos / f"{number}.png", COLOURED)
    interrupted(monkeypatch, OSError(errno.ENOSPC, "No space left on device"), after=1)
    assert main(["translate", str(run), str(photos), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert "1.png: the disk is full" in said
    assert len(said.splitlines()) == 1
    assert [path.name for path in out.iterdir()] == ["0.png"]


def interrupted(monkeypatch: pytest.MonkeyPatch, error: BaseException, after: int) -> None:
    """Writing to the disk fails once so many files are whole."""
    sync, whole = os.fsync, []

    def fail(descriptor: int) -> None:
        if len(whole) >= 2 * after:  # a file, and then its folder
            raise error
        whole.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)


def test_a_folder_shows_how_far_it_is_where_there_is_no_terminal(
    trained: WORDS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr(_progress, "_SECONDS_BETWEEN_LINES", 0.0)
    run, photos = trained("translate"), tmp_path / "photos"
    written(photos / "one.png", COLOURED)
    written(photos / "two.png", COLOURED)
    assert main(["translate", str(run), str(photos), "--out", str(tmp_path / "out")]) == 0
    assert " 50%  1.0 of 2 pictures\n" in capsys.readouterr().out


def test_a_second_run_says_that_it_writes_anew(trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    words = ["translate", str(trained("translate")), str(written(tmp_path / "one.png", COLOURED)), "--out"]
    assert main([*words, str(tmp_path / "out")]) == 0
    assert "anew" not in capsys.readouterr().out
    first = (tmp_path / "out" / "one.png").read_bytes()
    assert main([*words, str(tmp_path / "out")]) == 0
    assert "1 of 1 picture there from before, written anew" in capsys.readouterr().out
    assert (tmp_path / "out" / "one.png").read_bytes() == first


def test_nothing_is_written_onto_what_is_read(trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    run, photos = trained("translate"), tmp_path / "photos"
    before = written(photos / "one.png", COLOURED).read_bytes()
    written(photos / "two.jpg", COLOURED)
    (tmp_path / "link").symlink_to(photos)
    for out in (photos, tmp_path / "link"):
        assert main(["translate", str(run), str(photos), "--out", str(out)]) == 2
        assert "would be written, and it is read" in capsys.readouterr().err
    assert (photos / "one.png").read_bytes() == before
    assert not (photos / "two.png").exists()


def test_a_picture_that_is_no_result_is_not_written_over(trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    run, given = trained("translate"), written(tmp_path / "one.jpg", COLOURED)
    before = written(tmp_path / "one.png", COLOURED).read_bytes()
    assert main(["translate", str(run), str(given), "--out", str(tmp_path)]) == 2
    assert "one.png is there and no result of imaginable" in capsys.readouterr().err
    assert (tmp_path / "one.png").read_bytes() == before


def test_results_inside_the_folder_are_not_taken_for_pictures(trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    run, photos = trained("translate"), tmp_path / "photos"
    written(photos / "one.png", COLOURED)
    for _ in range(2):
        assert main(["translate", str(run), str(photos), "--out", str(photos / "made")]) == 0
    assert [path.name for path in (photos / "made").rglob("*.png")] == ["one.png"]
    assert "taken for results from before" in capsys.readouterr().out


def test_names_that_differ_by_their_ending_both_remain(trained: WORDS, tmp_path: Path) -> None:
    run, photos = trained("translate"), tmp_path / "photos"
    written(photos / "one.png", COLOURED)
    written(photos / "one.bmp", COLOURED[:9])
    assert main(["translate", str(run), str(photos), "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one.bmp.png", "one.png.png"]


def test_a_zip_is_read_and_all_bad_is_a_failure(trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    run, archive = trained("translate"), tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(written(tmp_path / "one.png", COLOURED), "inside/one.png")
    assert main(["translate", str(run), str(archive), "--out", str(tmp_path / "out")]) == 0
    np.testing.assert_array_equal(read(tmp_path / "out" / "inside" / "one.png"), 255 - COLOURED)
    (tmp_path / "bad.png").write_bytes(b"")
    assert main(["translate", str(run), str(tmp_path / "bad.png"), "--out", str(tmp_path / "other")]) == 1
    assert "1 picture and none that could be used" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("task", ["translate", "upscale"])
def test_what_pictures_are_stored_as(task: str, trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    """16 bits, grey, palette, CMYK, turned by EXIF: each as a viewer shows it."""
    run, photos, out = trained(task), tmp_path / "photos", tmp_path / "out"
    grey = COLOURED[..., :1]
    written(photos / "grey.png", grey)
    Image.fromarray(grey[..., 0].astype(np.uint16) * 257).save(photos / "sixteen.png")
    palette = Image.fromarray(COLOURED).quantize(16)
    palette.save(photos / "palette.png")
    cmyk = Image.fromarray(COLOURED).convert("CMYK")
    cmyk.save(photos / "cmyk.tif")
    exif = Image.Exif()
    exif[0x0112] = 6
    written(photos / "turned.png", COLOURED, exif=exif)
    assert main([task, str(run), str(photos), "--out", str(out)]) == 0
    lines = capsys.readouterr().out
    for fix in ("1 16 bits scaled to 8", "1 palette converted", "1 CMYK converted", "1 rotated as its EXIF says"):
        assert fix in lines
    expected = {
        "grey": grey.repeat(3, 2),
        "sixteen": grey.repeat(3, 2),
        "palette": np.asarray(palette.convert("RGB")),
        "cmyk": np.asarray(cmyk.convert("RGB")),
        "turned": np.rot90(COLOURED, -1),
    }
    for name, pixels in expected.items():
        found = read(out / f"{name}.png")
        if task == "upscale":
            np.testing.assert_array_equal(
                found, (pixels[..., 0] if found.ndim == 2 else pixels).repeat(2, 0).repeat(2, 1)
            )
            assert (found.ndim == 2) == (name in ("grey", "sixteen")), "grey stays grey"
        else:
            np.testing.assert_array_equal(found, 255 - pixels)


def test_transparency_is_kept_and_the_model_sees_the_picture_on_its_background(trained: WORDS, tmp_path: Path) -> None:
    run = trained("translate")
    given = written(tmp_path / "one.png", np.concatenate([COLOURED, ALPHA], axis=2))
    assert main(["translate", str(run), str(given), "--out", str(tmp_path / "out")]) == 0
    found = read(tmp_path / "out" / "one.png")
    np.testing.assert_array_equal(found[..., 3:], ALPHA)
    opacity = ALPHA / 255
    negative = 255 - np.rint(255 + opacity * (COLOURED - 255.0))
    on_white = 255 + opacity * (found[..., :3] - 255.0)
    possible = np.clip(255 + (negative - 255) / opacity, 0, 255) == 255 + (negative - 255) / opacity
    assert np.abs(on_white - negative)[possible].max() <= 0.51, "on white it shows what the model made"
    assert possible.mean() > 0.2


def test_upscaling_enlarges_transparency_and_opaque_colours_exactly(trained: WORDS, tmp_path: Path) -> None:
    run, alpha = trained("upscale"), np.full_like(ALPHA, 255)
    alpha[:, :10] = 0
    given = written(tmp_path / "one.png", np.concatenate([COLOURED, alpha], axis=2))
    assert main(["upscale", str(run), str(given), "--out", str(tmp_path / "out"), "--factor", "2"]) == 0
    found = read(tmp_path / "out" / "one.png")
    assert found.shape == (40, 74, 4)
    assert (found[:, :16, 3] == 0).all()
    assert (found[:, 24:, 3] == 255).all()
    np.testing.assert_array_equal(found[:, 24:, :3], COLOURED.repeat(2, 0).repeat(2, 1)[:, 24:])


def test_a_grey_model_keeps_colours(trained: WORDS, tmp_path: Path) -> None:
    run, given = trained("upscale", channels=1), written(tmp_path / "one.png", COLOURED)
    assert main(["upscale", str(run), str(given), "--out", str(tmp_path / "out")]) == 0
    np.testing.assert_array_equal(read(tmp_path / "out" / "one.png"), COLOURED.repeat(2, 0).repeat(2, 1))


def test_large_pictures_go_through_in_tiles(trained: WORDS, tmp_path: Path) -> None:
    large = RANDOM.integers(256, size=(90, 131, 3), dtype=np.uint8)
    run, given = trained("upscale"), written(tmp_path / "one.png", large)
    assert main(["upscale", str(run), str(given), "--out", str(tmp_path / "out"), "--tile", "64"]) == 0
    np.testing.assert_array_equal(read(tmp_path / "out" / "one.png"), large.repeat(2, 0).repeat(2, 1))


def test_colour_profiles_travel_with_enlarged_pictures(trained: WORDS, tmp_path: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    run, given = trained("upscale"), written(tmp_path / "one.png", COLOURED, icc_profile=profile)
    assert main(["upscale", str(run), str(given), "--out", str(tmp_path / "out")]) == 0
    with Image.open(tmp_path / "out" / "one.png") as image:
        assert image.info["icc_profile"] == profile


def test_the_way_back_of_a_model_with_two_domains(trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    run, given = trained("translate", kind="domains"), written(tmp_path / "one.png", COLOURED)
    words = ["translate", str(run), str(given), "--out", str(tmp_path / "out")]
    assert main([*words, "--to", "a"]) == 0
    assert (read(tmp_path / "out" / "one.png") == 255).all()
    assert main([*words, "--to", "b"]) == 0
    np.testing.assert_array_equal(read(tmp_path / "out" / "one.png"), 255 - COLOURED)
    trained("translate", kind="pairs")
    assert main([*words, "--to", "a"]) == 2
    assert "knows one way only" in capsys.readouterr().err


def test_pictures_far_larger_than_what_a_model_knows_are_named(trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    run, photos = trained("translate"), tmp_path / "photos"
    written(photos / "large.png", np.zeros((70, 80, 3), np.uint8))
    written(photos / "small.png", COLOURED)
    assert main(["translate", str(run), str(photos), "--out", str(tmp_path / "out")]) == 0
    assert "far larger than the 32 pixels that the model knows: large.png\n" in capsys.readouterr().out


def test_results_that_could_not_be_read_again_are_refused(
    trained: WORDS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr(_folder, "LARGEST", 1000)
    words = ["upscale", str(trained("upscale")), str(written(tmp_path / "one.png", COLOURED))]
    assert main([*words, "--out", str(tmp_path / "out")]) == 1
    assert "left out one.png: the result would be 74x40" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("task", "verb", "flags", "expected"),
    [
        ("upscale", "translate", [], "does not translate; it can upscale"),
        ("translate", "upscale", [], "does not upscale; it can translate"),
        ("upscale", "inpaint", ["--masks", "one.png"], "does not inpaint; it can upscale"),
        ("inpaint", "inpaint", [], "masks"),
        ("upscale", "upscale", ["--factor", "4"], "--factor 4: run enlarges 2 times"),
        ("upscale", "upscale", ["--tile", "3"], "--tile 3: at least"),
        ("upscale", "upscale", ["--out", "x.png"], "the name of a folder was expected"),
        ("upscale", "upscale", ["--out", "afile"], "--out afile: afile is a file, and a folder was expected"),
        ("upscale", "upscale", ["--out", "afile/below"], "--out afile/below: afile is a file"),
        ("translate", "translate", ["--to", "c"], "--to"),
    ],
)
def test_mistakes_get_one_clear_line(
    task: str,
    verb: str,
    flags: list[str],
    expected: str,
    trained: WORDS,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Said,
) -> None:
    trained(task)
    monkeypatch.chdir(tmp_path)
    written(Path("one.png"), COLOURED)
    Path("afile").touch()
    assert main([verb, "run", "one.png", *flags]) == 2
    assert expected in capsys.readouterr().err
    assert not list(tmp_path.rglob("*/one.png")), "nothing written"


def test_a_model_of_codes_says_what_it_can(tiny_generator: Path, tmp_path: Path, capsys: Said) -> None:
    given = written(tmp_path / "one.png", COLOURED)
    assert main(["translate", str(tiny_generator), str(given)]) == 2
    assert "dcgan does not translate; it can sample, morph" in capsys.readouterr().err
