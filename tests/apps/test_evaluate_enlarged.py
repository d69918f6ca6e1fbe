"""`evaluate` of models that enlarge: against bicubic, in the pictures' own sizes, by the published convention."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contesting import Bicubic, Same, Save, pictures, saved, write
from PIL import Image

from imaginable.apps.evaluate import evaluate
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.methods.srgan import Srgan
from imaginable.metrics import fidelity
from imaginable.nn.degrade import Degradation, larger

__all__ = ["saved"]
FACTOR = 2


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of three sizes, none of which is the model's; one is grey, one odd, one too small."""
    folder = tmp_path_factory.mktemp("photos")
    write(folder, pictures(2, 64))
    write(folder, [pictures(1, 48, 7)[0][:47, :41], pictures(1, 48, 8)[0][..., 0]], ["odd", "grey"])
    return write(folder, pictures(1, 16, 9), ["tiny"])


def measured(run: Path, data: Path, **flags: Any) -> tuple[dict[str, Any], str]:
    said: list[str] = []
    found = evaluate(run, str(data), everything=True, say=said.append, **flags)["contests"][0]
    return found, "\n".join(said)


def test_a_bicubic_model_ties_with_bicubic(saved: Save, photos: Path) -> None:
    found, _ = measured(saved("plain", Bicubic()), photos)
    pixel, bicubic = found["makers"]["plain pixel"], found["makers"]["bicubic"]
    for key in ("psnr_y", "ssim_y", "psnr_rgb", "spectrum", "sharpness"):
        assert pixel[key] == bicubic[key]
    assert (pixel["gain"]["value"], pixel["least_gain"]["value"], pixel["better"]["value"]) == (0, 0, 0)
    assert found["main"] == "plain sharp"


def test_figures_are_those_of_whole_pictures_cut_to_the_factor(saved: Save, photos: Path) -> None:
    found, said = measured(saved("plain", Bicubic()), photos)
    decibels, names = [], ["0", "1", "odd", "grey"]
    for name in names:
        pixels = np.asarray(Image.open(photos / f"{name}.png"))
        pixels = (
            pixels[..., None] if pixels.ndim == 2 else pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
        )
        small = images.to_uint8(Degradation(FACTOR)(images.to_float(pixels[None])))
        made = images.to_uint8(larger(images.to_float(small), FACTOR))
        decibels += fidelity.paired_peak_signal_to_noise(made, pixels[None], "y", 4).tolist()
    of = found["makers"]["bicubic"]["psnr_y"]
    assert of["n"] == len(names)
    assert of["value"] == pytest.approx(np.mean(decibels))
    assert "left out tiny.png: 16x16 pixels" in said
    assert "luma (Y of BT.601, 16 to 235, not rounded), range 255, 4 pixels at every border left out" in said


def test_what_the_sharp_stage_trades_is_said(saved: Save, photos: Path) -> None:
    found, said = measured(saved("plain", Bicubic()), photos)
    sharp, pixel = found["makers"]["plain sharp"], found["makers"]["plain pixel"]
    assert sharp["sharpness"]["value"] > pixel["sharpness"]["value"]
    loss = pixel["psnr_y"]["value"] - sharp["psnr_y"]["value"]
    assert loss > 0
    assert sharp["gain"]["value"] == pytest.approx(-loss)
    assert found["differences"]["plain pixel"]["psnr_y"]["value"] == pytest.approx(-loss)
    assert "dB less PSNR of Y than pixel, and its spectrum is" in said


def test_pictures_are_made_small_as_the_model_learned_it(saved: Save, photos: Path) -> None:
    plain, said = measured(saved("plain", Bicubic()), photos)
    noisy, of_noisy = measured(saved("noisy", Bicubic(noise=40)), photos)
    again, _ = measured(saved("noisy", Bicubic(noise=40)), photos)
    assert noisy["makers"]["bicubic"]["psnr_y"]["value"] < plain["makers"]["bicubic"]["psnr_y"]["value"] - 1
    assert noisy == again
    assert "noise of up to 40 grey levels" in of_noisy
    assert "noise" not in said
    with pytest.raises(UserError, match="cannot be compared"):
        measured(saved("plain", Bicubic()), photos, beside=[saved("noisy", Bicubic(noise=40))])


def test_held_out_pictures_without_being_told(saved: Save, tmp_path: Path) -> None:
    data = write(tmp_path / "data", pictures(30, 32))
    run, said = saved("plain", Bicubic()), list[str]()
    found = evaluate(run, str(data), say=said.append)["contests"][0]
    n = found["makers"]["bicubic"]["psnr_y"]["n"]
    assert 1 <= n < 15
    assert f"{n} of the {n} held-out pictures" in found["title"]
    assert "data:image/png" in (run / "evaluation.html").read_text()
    assert json.loads((run / "evaluation.json").read_text())["contests"] == [found]


def test_stages_of_a_run_beside_it_take_part(saved: Save, photos: Path) -> None:
    found, _ = measured(saved("plain", Bicubic()), photos, beside=[saved("other", Bicubic())])
    assert list(found["makers"]) == ["bicubic", "plain pixel", "plain sharp", "other pixel", "other sharp"]
    assert found["main"] == "plain sharp"
    assert found["differences"]["other sharp"]["psnr_y"]["value"] == 0


def test_what_makes_no_sense_is_refused(saved: Save, photos: Path, tmp_path: Path) -> None:
    run = saved("plain", Bicubic())
    with pytest.raises(UserError, match="--features: pictures are enlarged in their own sizes"):
        measured(run, photos, features="random")
    with pytest.raises(UserError, match="--side-by-side: the model learned from single pictures"):
        measured(run, photos, side_by_side=True)
    with pytest.raises(UserError, match="does not upscale; it can translate"):
        measured(run, photos, beside=[saved("lazy", Same(), "pairs")])
    with pytest.raises(UserError, match="no picture in it can be measured"):
        measured(run, write(tmp_path / "tiny", pictures(2, 16)))
    with pytest.raises(UserError, match="these are points"):
        measured(run, Path("gaussians"))


def test_srgan_has_the_second_stage_only_where_there_is_one() -> None:
    assert Srgan().ways == ("sharp", "pixel")
    assert Srgan(pixel_share=1).ways == ()
