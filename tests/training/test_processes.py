"""Two processes are one process with the whole batch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("two_processes.py")


def gradients_of(name: str, out: Path, processes: int) -> list[torch.Tensor]:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launch if processes > 1 else []), str(SCRIPT), name, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    saved = torch.load(out, weights_only=True)
    assert saved["ranks"] == processes
    return saved["gradients"]


@pytest.mark.parametrize("name", ["autoencoder", "penalised"])
def test_two_processes_have_the_gradients_of_the_whole_batch(name: str, tmp_path: Path) -> None:
    alone = gradients_of(name, tmp_path / "one.pt", 1)
    together = gradients_of(name, tmp_path / "two.pt", 2)
    largest = max(float(gradient.abs().max()) for gradient in alone)
    for one, two in zip(alone, together, strict=True):
        assert float((one - two).abs().max()) <= 1e-6 * max(1.0, largest)


def test_a_run_under_torchrun_ends_cleanly_and_writes_once(tmp_path: Path) -> None:
    run = tmp_path / "run"
    # the -- keeps torchrun's own parser from taking --run for one of its flags
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "--", "imaginable"]
    words = ["train", "gan", "gaussians", "--limit", "500", "--hidden", "8", "--images", "640", "--run", str(run)]
    done = subprocess.run([sys.executable, *launch, *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "ranks: 2" in (run / "job.yaml").read_text()
    assert done.stdout.count("done:") == 1
    assert (run / "report.html").exists()
    seen = [line.split('"seen": ')[1].split(",")[0] for line in (run / "log.jsonl").read_text().splitlines()]
    assert len(seen) == len(set(seen))
