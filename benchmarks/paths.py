"""What StyleGAN2's path-length penalty does: the same training with and without it, over several seeds.

    python benchmarks/paths.py DATA [--size 32] [--images 30000] [--seeds 6] [--paths 2 0] [--runs DIR]
    python benchmarks/paths.py table

`stylegan2 --preset small --batch 32 --augment diff`, not told classes, one thread. Of every run: the length that the
penalty holds (pixels: the mean of ‖J_wᵀ y‖ over 256 codes, and its deviation), and by random features, and by a
classifier where DATA has classes, path lengths in Z and W and the distance to 2,000 pictures of DATA. The table is
of differences between runs of the same seed, with their standard error over seeds. A run adds its row to `paths.csv`
as soon as it is measured; a row that is there is not made again, and a training that was cut off goes on.
"""

import argparse
import statistics
from pathlib import Path

import torch

import imaginable as im
from imaginable.apps import _features, _items, _measure
from imaginable.apps._measure import Measured
from imaginable.apps._reference import Reference
from imaginable.apps._rows import Row as Result
from imaginable.apps.train import resume
from imaginable.core import fast
from imaginable.methods._method import find
from imaginable.objectives.penalties import path_lengths
from rows import Row, append, read, there

KEY = ("data", "size", "images", "path", "seed")
FIGURES = {"z": "path_length", "w": "path_length_w", "fd": "fd"}
OF_KINDS = [f"{figure}_{kind}" for kind in ("random", "classifier") for figure in FIGURES]
COLUMNS = (*KEY, "pixels", "deviation", *(name for one in OF_KINDS for name in (one, f"{one}_error")))
SETTINGS = find("stylegan2").presets["small"] | {"batch": 32, "augment": "diff", "unlabelled": True}
CODES, ITEMS = 256, 2000
_measure.PAIRS = 8000  # 500 leave errors as large as what is looked for


def trial(options: argparse.Namespace, path: float, seed: int) -> None:
    values = (Path(options.data).stem, options.size, options.images, f"{path:g}", seed)
    key = dict(zip(KEY, map(str, values), strict=True))
    if there(options.rows, key):
        return
    run = options.runs / f"path-{path:g}-{seed}"
    if not run.exists():
        lasting = {"size": options.size, "images": options.images, "seed": seed, "run": str(run)}
        im.train("stylegan2", options.data, path=path, **SETTINGS, **lasting)
    elif not (run / "report.html").exists():
        resume(run)
    if not (run / "report.html").exists():
        raise SystemExit("the same command goes on from here")
    append(options.rows, key | measured(im.load(run), options.data), COLUMNS)


def measured(model: im.Model, data: str) -> Row:
    synthesize = model.trained.networks.generator.synthesize
    torch.manual_seed(0)
    codes = model.latents(CODES, seed=0).clone().requires_grad_()
    lengths = path_lengths(lambda w: synthesize(w, "constant"), codes).detach()
    found = {"pixels": f"{lengths.mean():.4g}", "deviation": f"{lengths.std():.4g}"}
    items = _items.choose(model, data, ITEMS, everything=True, binarise=False, seed=0, say=print)
    for kind in ("random", "classifier") if items.dataset.spec.classes else ("random",):
        extractor = _features.choose(kind, items.options, items.dataset, None, print)
        one = Measured(model, Reference(items, extractor, 0))
        smoothness: list[Result] = list(one._smoothness())
        results = {row.key: row for row in [*smoothness, *one.reference.distances(one.drawn.features)]}
        for name, key in FIGURES.items():
            score = results[key].score
            assert score is not None
            found |= {f"{name}_{kind}": f"{score.value:.4g}", f"{name}_{kind}_error": f"{score.error:.2g}"}
    return found


def table(rows: Path) -> None:
    """With the penalty less without it, of the same data, size, images and seed."""
    found = read(rows)
    runs = {tuple(row[column] for column in KEY): row for row in found}
    for path in sorted({row["path"] for row in found} - {"0"}, key=float):
        for data, size, images in sorted({(row["data"], row["size"], row["images"]) for row in found}):
            wanted = {key[-1] for key in runs if key[:4] == (data, size, images, path)}
            seeds = [seed for seed in wanted if (data, size, images, "0", seed) in runs]
            if len(seeds) > 1:
                print(f"{data}, {size} px, {images} images, weight {path} against 0, {len(seeds)} seeds")
                for column in ("pixels", "deviation", *OF_KINDS):
                    pairs = [[runs[data, size, images, one, seed][column] for one in (path, "0")] for seed in seeds]
                    if all(map(all, pairs)):
                        print(f"  {column:14s} {compared([(float(a), float(b)) for a, b in pairs])}")


def compared(pairs: list[tuple[float, float]]) -> str:
    a, b = (statistics.mean(side) for side in zip(*pairs, strict=True))
    differences = [first - second for first, second in pairs]
    error = statistics.stdev(differences) / len(pairs) ** 0.5
    less = sum(one < 0 for one in differences)
    return f"{a:8.4g} {b:8.4g}  {a - b:+8.3g} ± {error:.2g}  lower in {less} of {len(pairs)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--paths", type=float, nargs="+", default=[2.0, 0.0])
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--runs", type=Path, default=Path("runs/paths"))
    options = parser.parse_args()
    if options.data == "table":
        table(options.rows)
        return
    torch.set_num_threads(1)
    fast.tune_process()
    for seed in range(options.seeds):
        for path in options.paths:
            trial(options, path, seed)


if __name__ == "__main__":
    main()
