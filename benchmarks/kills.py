"""Kills a short run with SIGKILL at random moments, resumes it each time, and compares the final weights.

    python benchmarks/kills.py [--kills 20] [--method vae]

Every trial starts a run of its own, kills it once at a random moment of its life (before the first
checkpoint, while one is written, between them), resumes it to the end, and compares model.safetensors
with that of a run nobody disturbed. Prints the count of identical ones; exit code 1 if any differs.
"""

import argparse
import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--method", default="dcgan")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        started = time.monotonic()
        train(home / "undisturbed", options.method).wait()
        life = time.monotonic() - started
        wanted = digest(home / "undisturbed")
        chance = random.Random(0)
        same = done = 0
        while done < options.kills:
            killed, found = trial(home / "disturbed", options.method, chance.uniform(0.3, 1.0) * life)
            shutil.rmtree(home / "disturbed")
            if killed:  # a run that finished before its kill proves nothing
                done += 1
                same += found == wanted
    print(
        f"{same} of {options.kills} killed and resumed runs of {options.method} end bit-identical (life {life:.1f} s)"
    )
    return 0 if same == options.kills else 1


def trial(run: Path, method: str, moment: float) -> tuple[bool, str]:
    """Kills after `moment` seconds and resumes: whether it was killed in time, digest of the final weights."""
    process = train(run, method)
    time.sleep(moment)
    alive = process.poll() is None
    process.kill()
    process.wait()
    seen = sum(1 for _ in (run / "log.jsonl").open()) if (run / "log.jsonl").exists() else 0
    if (run / "job.yaml").exists():
        command = [sys.executable, "-m", "imaginable", "resume", str(run)]
    else:  # killed before the run existed
        command = training(run, method)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(
        f"  {'killed' if alive else 'finished before the kill'} after {moment:5.2f} s, {seen:3d} log lines, "
        f"exit {done.returncode} {digest(run)[:12]} {done.stderr.strip()[:200]}",
        flush=True,
    )
    return alive, digest(run)


def training(run: Path, method: str) -> list[str]:
    words = [
        "train",
        method,
        "sneakers",
        "--limit",
        "200",
        "--size",
        "32",
        "--images",
        "4000",
        "--run",
        str(run),
    ]
    width = ["--width", "16"]
    return [sys.executable, "-m", "imaginable", *words, *width, "--batch", "32", "--checkpoint-every", "400"]


def train(run: Path, method: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(training(run, method), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def digest(run: Path) -> str:
    path = run / "model" / "model.safetensors"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "none"


if __name__ == "__main__":
    sys.exit(main())
