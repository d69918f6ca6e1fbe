"""The command line as a stranger uses it: in a process of its own where exit codes and imports matter."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from imaginable.cli import main

CHEAP = ["--width", "8", "--latents", "4", "--size", "32", "--batch", "8", "--limit", "60"]


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and what stands on standard error."""
    code = main(words)
    return code, capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["methods"], ["trian"], ["train", "vea", "sneakers"]])
def test_first_words_are_answered_without_torch(words: list[str]) -> None:
    program = (
        "import sys; from imaginable.cli import main; main(sys.argv[1:]); "
        "heavy = {'torch', 'numpy', 'matplotlib'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sampel"], "did you mean 'sample'"),
        (["train", "dcagn", "sneakers"], "did you mean 'dcgan'"),
        (["train", "vae"], "needs data"),
        (["train", "vae", "sneakers", "--latnets", "3"], "did you mean '--latents'"),
        (["train", "vae", "sneakers", "--latents", "many"], "--latents"),
        (["train", "vae", "sneakers", "--latents", "-5"], "--latents -5: must not be negative"),
        (["train", "vae", "sneakers", "--images", "-5"], "--images -5"),
        (["train", "vae", "sneakers", "--batch", "0"], "--batch 0"),
        (["train", "vae", "sneakers", "--lr", "nan"], "--lr nan"),
        (["train", "vae", "sneakers", "--size", "63"], "the nearest is 64"),
        (["train", "dcgan", "sneakers", "--size", "48"], "power of two"),
        (["train", "dcgan", "gaussians"], "takes images"),
        (["train", "vae", "sneakres"], "did you mean 'sneakers'"),
        (["train", "vae", "sneakers", "--preset", "bsae"], "did you mean 'base'"),
        (["train", "vae", "sneakers", "--budget", "soon"], "--budget soon"),
        (["train", "vae", "sneakers", "--config", "nowhere.yaml"], "no such file"),
        (["train", "vae", "sneakers", "--device", "cuda:7"], "--device cuda:7"),
        (["train", "dcgan", "sneakers", "--micro-batch", "8"], "--micro-batch"),
        (["train", "vae", "sneakers", "--seeds", "0"], "--seeds 0"),
        (["train", "vae", "sneakers", "--from", "nowhere"], "nowhere"),
        (["sample"], "RUN is missing"),
        (["sample", "nowhere"], "no model here"),
        (["resume", "nowhere"], "no run here"),
        (["info", "nowhere"], "no run and no model"),
        (["check"], "check takes one DATA"),
        (["check", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_get_one_or_two_clear_lines(
    words: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, lines = said(words, capsys)
    assert code == 2
    assert expected in lines
    assert len(lines.strip().splitlines()) <= 2
    assert not list(tmp_path.iterdir()), "nothing half-written"


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained VAE with classes to name."""
    run = tmp_path_factory.mktemp("runs") / "vae"
    assert main(["train", "vae", "digits", *CHEAP, "--images", "160", "--run", str(run)]) == 0
    return run


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "plain"
    assert main(["train", "autoencoder", "sneakers", *CHEAP, "--images", "160", "--run", str(run)]) == 0
    return run


def test_a_terminal_without_unicode_gets_the_same_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert main(["inpaint", "run", "photos"]) == 2
    said = capsys.readouterr().err
    assert "--masks STR (required)" in said
    assert "---" not in said, "no rules of hyphens"


def test_a_run_leaves_what_it_promises(vae: Path) -> None:
    for name in (
        "job.yaml",
        "manifest.json",
        "log.jsonl",
        "checkpoint.pt",
        "report.html",
        "model/model.yaml",
    ):
        assert (vae / name).stat().st_size > 0
    assert list(vae.glob("samples/samples-*.png"))
    assert list(vae.glob("samples/reconstructions-*.png"))
    assert not list(vae.rglob("*.tmp*"))
    assert "http" not in (vae / "report.html").read_text().replace("http-equiv", "")


def test_an_existing_run_is_not_overwritten(vae: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (vae / "job.yaml").read_text()
    code, lines = said(["train", "vae", "digits", *CHEAP, "--run", str(vae)], capsys)
    assert code == 2
    assert "--run" in lines
    assert "resume" in lines
    assert (vae / "job.yaml").read_text() == before


def test_sampling_twice_gives_the_same_bytes_and_says_synthetic(vae: Path, tmp_path: Path) -> None:
    from PIL import Image

    for name in ("one", "two"):
        assert main(["sample", str(vae), "-n", "3", "--seed", "5", "--out", str(tmp_path / name)]) == 0
    first, second = ((tmp_path / name / "grid.png").read_bytes() for name in ("one", "two"))
    assert first == second
    with Image.open(tmp_path / "one" / "seed5-00000.png") as image:
        assert "Synthetic" in image.text["Description"]
        assert "seed 5" in image.text["Description"]


def test_reconstruct_morph_arithmetic_and_encode(vae: Path, tmp_path: Path) -> None:
    assert main(["reconstruct", str(vae), "digits", "--out", str(tmp_path / "rebuilt")]) == 0
    picture = str(next((tmp_path / "rebuilt").rglob("*.png")))
    assert main(["morph", str(vae), picture, "label:3", "7", "--out", str(tmp_path / "m.gif"), "--frames", "6"]) == 0
    assert main(["morph", str(vae), "1", "2", "--out", str(tmp_path / "m.png")]) == 0
    assert main(["arithmetic", str(vae), "label:1", "-", "2", "+", picture, "--out", str(tmp_path / "a.png")]) == 0
    assert main(["encode", str(vae), picture, "--out", str(tmp_path / "c.csv")]) == 0
    assert main(["encode", str(vae), "digits", "--out", str(tmp_path / "c.npz")]) == 0
    assert main(["info", str(vae)]) == 0
    for name in ("m.gif", "m.png", "a.png", "c.csv", "c.npz", "c-nearest.png"):
        assert (tmp_path / name).stat().st_size > 0


def test_a_plain_autoencoder_says_why_it_cannot_sample_and_can_with_a_fitted_prior(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["--prior", "plain"]):
        code, lines = said(["sample", str(plain), *words, "--out", str(tmp_path / "no")], capsys)
        assert code == 2
        assert "no prior" in lines
        assert "--prior fitted" in lines
    assert main(["sample", str(plain), "-n", "2", "--prior", "fitted", "--out", str(tmp_path / "yes")]) == 0
    # the prior stays with the model
    assert main(["sample", str(plain), "-n", "2", "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "yes" / "grid.png").read_bytes() == (tmp_path / "again" / "grid.png").read_bytes()


def test_a_prior_can_be_fitted_to_the_codes_of_points(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["train", "autoencoder", "gaussians", "--limit", "200", "--latents", "2", "--hidden", "8"]
    assert main([*words, "--images", "128", "--run", str(run)]) == 0
    assert main(["sample", str(run), "-n", "5", "--prior", "fitted", "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "samples.npy").stat().st_size > 0


def test_where_codes_do_not_follow_the_prior_one_is_fitted_and_sample_takes_it_and_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A KL term that weighs next to nothing."""
    run = tmp_path / "run"
    words = ["train", "vae", "gaussians", "--limit", "2000", "--latents", "2", "--hidden", "32", "--beta", "0.001"]
    assert main([*words, "--images", "40000", "--batch", "32", "--lr", "0.01", "--run", str(run)]) == 0
    told = capsys.readouterr().out
    assert "fitting a mixture of Gaussians to the codes of 1,792 training items" in told
    assert "`sample` draws from a mixture of 10 Gaussians" in told
    assert "Samples from" not in (run / "report.html").read_text(), "points have no sheet"
    for prior in ("auto", "plain", "fitted"):
        assert main(["sample", str(run), "-n", "50", "--prior", prior, "--out", str(tmp_path / prior)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("prior: ")]
    named = "prior: a mixture of 10 Gaussians fitted to the codes (--prior plain for the model's own)"
    assert [lines[0], lines[2]] == [named, named]
    assert "the model's own" in lines[1]
    auto, plain, fitted = ((tmp_path / prior / "samples.npy").read_bytes() for prior in ("auto", "plain", "fitted"))
    assert auto == fitted != plain


def test_a_prior_fitted_to_other_weights_goes_when_training_goes_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["train", "autoencoder", "gaussians", "--limit", "200", "--latents", "2", "--hidden", "8"]
    assert main([*words, "--images", "128", "--run", str(run)]) == 0
    assert main(["sample", str(run), "--prior", "fitted"]) == 0
    assert (run / "model" / "prior.safetensors").exists()
    import imaginable as im

    im.load(run).save(tmp_path / "copy")
    assert (tmp_path / "copy" / "prior.safetensors").exists(), "a copy of the same weights keeps it"
    job = (run / "job.yaml").read_text()
    (run / "job.yaml").write_text(job.replace("images: 128", "images: 256"))
    assert main(["resume", str(run)]) == 0
    assert not (run / "model" / "prior.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["morph", "RUN", "label:eleven", "1"], "no such class"),
        (["morph", "RUN", "1"], "at least two"),
        (["morph", "RUN", "--out", "x.avi"], ".gif, .mp4 or .png"),
        (["arithmetic", "RUN", "1", "2"], "+ or -"),
        (["arithmetic", "RUN", "nonsense", "+", "2"], "neither a seed"),
        (["sample", "RUN", "-n", "0"], "-n 0"),
        (["sample", "RUN", "--prior", "flat"], "--prior"),
        (["encode", "RUN", "digits", "--out", "x.txt"], ".npz or .csv"),
        (["reconstruct", "RUN", "gaussians"], "points"),
    ],
)
def test_requests_a_model_cannot_meet(
    words: list[str], expected: str, vae: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = said([str(vae) if word == "RUN" else word for word in words], capsys)
    assert code == 2
    assert expected in lines


def test_fine_tuning_starts_from_the_other_models_weights(vae: Path, tmp_path: Path) -> None:
    run = tmp_path / "tuned"
    words = [
        "train",
        "vae",
        "digits",
        *CHEAP,
        "--images",
        "8",
        "--lr",
        "0",
        "--run",
        str(run),
        "--from",
        str(vae),
    ]
    assert main(words) == 0
    weights = [(folder / "model" / "model.safetensors").read_bytes() for folder in (vae, run)]
    assert main(["train", "vae", "digits", *CHEAP, "--images", "8", "--lr", "0", "--run", str(tmp_path / "new")]) == 0
    fresh = (tmp_path / "new" / "model" / "model.safetensors").read_bytes()
    assert weights[0] != fresh
    import torch
    from safetensors.torch import load

    trained, tuned = load(weights[0]), load(weights[1])
    assert all(
        torch.allclose(trained[name], tuned[name], atol=1e-6)
        for name in trained
        if "variance" not in name and "newest" not in name
    )


def test_fine_tuning_refuses_another_shape(vae: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "train",
        "vae",
        "digits",
        *CHEAP,
        "--width",
        "12",
        "--run",
        str(tmp_path / "no"),
        "--from",
        str(vae),
    ]
    code, lines = said(words, capsys)
    assert code == 2
    assert "--from" in lines
    assert not (tmp_path / "no").exists()


def test_job_file_as_configuration_and_flags_above_it(vae: Path, tmp_path: Path) -> None:
    run = tmp_path / "again"
    words = ["train", "vae", "--config", str(vae / "job.yaml"), "--images", "16", "--run", str(run)]
    assert main(words) == 0
    text = (run / "job.yaml").read_text()
    assert "images: 16" in text
    assert "latents: 4" in text
    assert "source: digits" in text


def test_seeds_are_several_runs_as_one(tmp_path: Path) -> None:
    run = tmp_path / "three"
    words = [
        "train",
        "gan",
        "gaussians",
        "--limit",
        "200",
        "--hidden",
        "8",
        "--images",
        "128",
        "--run",
        str(run),
    ]
    assert main([*words, "--seeds", "2"]) == 0
    assert (run / "seeds.json").exists()
    models = [(run / f"seed-{seed}" / "model" / "model.safetensors").read_bytes() for seed in (0, 1)]
    assert models[0] != models[1]


def test_a_budget_plans_the_images_and_writes_them_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "timed"
    words = [
        "train",
        "gan",
        "gaussians",
        "--limit",
        "200",
        "--hidden",
        "8",
        "--budget",
        "12s",
        "--run",
        str(run),
    ]
    assert main(words) == 0
    planned = int(capsys.readouterr().out.split("min: ")[1].split(" images")[0].replace(",", ""))
    assert f"images: {planned}\n" in (run / "job.yaml").read_text()


def test_ctrl_c_saves_says_how_to_go_on_and_resume_finishes(tmp_path: Path) -> None:
    import signal
    import time

    run = tmp_path / "run"
    words = [
        "train",
        "gan",
        "gaussians",
        "--limit",
        "200",
        "--hidden",
        "8",
        "--images",
        "200000",
        "--run",
        str(run),
    ]
    with subprocess.Popen([sys.executable, "-m", "imaginable", *words], stdout=-1, stderr=-1, text=True) as process:
        while not (run / "log.jsonl").exists() or not (run / "log.jsonl").read_text():
            time.sleep(0.05)
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"imaginable resume {run}" in out
    assert (run / "checkpoint.pt").exists()


def test_mp4_goes_through_the_encoder_at_hand(
    vae: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    words = ["morph", str(vae), "1", "2", "--frames", "4", "--out", str(tmp_path / "m.mp4")]
    assert main(words) == 2
    assert "ffmpeg" in capsys.readouterr().err
    encoder = tmp_path / "ffmpeg"
    encoder.write_text('#!/bin/sh\nfor last; do :; done\n/bin/cat > "$last"\n')
    encoder.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(words) == 0
    # four frames of 128 x 128 pixels (32 enlarged four times), three bytes each
    assert (tmp_path / "m.mp4").stat().st_size == 4 * 128 * 128 * 3
