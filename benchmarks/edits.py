"""Whether an edit by class directions makes the picture what it says, on pictures whose parts are known by name.

    python benchmarks/edits.py RUN [--out strips.png]          a VAE of cartoon_cats, 64 px; six minutes

Directions come from labels (`imaginable directions RUN find labels`): one for every word of every factor. Every
held-out picture is encoded, and for each factor moved from the word it has to another, drawn by chance: the slider of
the old word goes down and that of the new one up, each by its reach (the way from the others to that word) times --far.
A judge, a network trained on the training pictures and their labels, which has no part in the directions, reads the
edited factor: right where the new word is the likeliest of all. It also says how often the other factors stay.

Prints the judge's accuracy on held-out pictures and on their reconstructions, and the edits', with standard errors, and
appends a row to edits.csv.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch

import imaginable
from imaginable.apps import _found, _pictures
from imaginable.apps._reading import everything_known, reader_of
from imaginable.core import seeds
from imaginable.data import images
from imaginable.training import job as jobs
from imaginable.training.run import Run
from rows import append


def share(right: np.ndarray) -> str:
    mean = float(np.mean(right))
    return f"{mean:.3f} ± {math.sqrt(mean * (1 - mean) / len(right)):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--far", type=float, default=1.0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    model = imaginable.load(asked.run)
    dataset = _pictures.training_data(asked.run, "the benchmark")
    judge = reader_of(jobs.load(Run(asked.run).job).data, dataset, print, seed=99)
    known = [one for one in everything_known(dataset) if one.words]
    made = {one.name: one for one in _found.from_labels(model, asked.run)}
    held_out = dataset.held_out
    starts = model.encode_tensor(dataset.batch(held_out).x)
    real = judge.read(images.to_uint8(dataset.batch(held_out).x))
    rebuilt = judge.read(model.decode_array(starts))
    row = {"method": model.name, "far": f"{asked.far:g}", "n": str(len(held_out))}
    strips = []
    for one in known:
        true = one.values[held_out].astype(int)
        offsets = [seeds.derive("target", one.name, item) % (len(one.words) - 1) + 1 for item in range(len(held_out))]
        target = (true + np.array(offsets)) % len(one.words)
        way = [made[f"{one.name}: {word}"] for word in one.words]
        whole = torch.stack([direction.reach * direction.vector for direction in way])
        steps = whole[target] - whole[true]
        edited = starts + asked.far * steps.reshape(starts.shape)
        pictures = model.decode_array(edited)
        read = judge.read(pictures)
        right = share(read[one.name].argmax(1) == target)
        others = [read[o.name].argmax(1) == o.values[held_out].astype(int) for o in known if o is not one]
        row[one.name] = right
        on_real, on_rebuilt = (share(said[one.name].argmax(1) == true) for said in (real, rebuilt))
        print(f"{one.name:12s} judge on held-out {on_real}, on their reconstructions {on_rebuilt}")
        print(f"{'':12s} edits right {right}, others stay {share(np.concatenate(others))}")
        parts = [
            model.decode_array(starts[:8] + a * asked.far * steps[:8].reshape(starts[:8].shape)) for a in (0, 0.5, 1)
        ]
        strips += [images.to_uint8(dataset.batch(held_out[:8]).x), *parts]
    if asked.out:
        images.save(asked.out, images.rows(strips), model.origin())
    append(Path(__file__).with_name("edits.csv"), row, list(row))


if __name__ == "__main__":
    main()
