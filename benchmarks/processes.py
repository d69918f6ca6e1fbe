"""Starts torchrun with two gloo processes again and again, and counts the clean ends.

python benchmarks/processes.py [--runs 40] [--steps 200]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    clean = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.runs):
            run = Path(folder) / f"run-{number}"
            words = ["train", "gan", "gaussians", "--batch", "32", "--images", str(32 * options.steps)]
            words += ["--hidden", "16", "--run", str(run)]
            launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
            done = subprocess.run(
                [*launch, "-m", "--", "imaginable", *words], capture_output=True, text=True, check=False
            )
            good = done.returncode == 0 and (run / "report.html").exists()
            clean += good
            if not good:
                print(f"run {number}: exit {done.returncode}\n{done.stderr[-2000:]}", flush=True)
    print(f"{clean} of {options.runs} runs of {options.steps} steps on two processes ended cleanly")
    return 0 if clean == options.runs else 1


if __name__ == "__main__":
    sys.exit(main())
