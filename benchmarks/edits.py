"""Whether an edit by class directions makes the picture what it says, on pictures whose parts are known by name.

    python benchmarks/edits.py RUN [--out strips.png]          a VAE of cartoon_cats, 64 px; six minutes

Directions come from labels (`imaginable directions RUN find labels`): one for every word of every factor. Every
held-out picture is encoded, and for each factor moved from the word it has to another, drawn by chance: down along the
direction of the one and up along that of the other, each by FAR times the distance between that word's codes and the
rest. A judge, a network trained on the training pictures and their labels, which has no part in the directions, reads
the edited factor: right where the new word is the likeliest of all. It also says how often the other factors stay.

Prints the judge's accuracy on held-out pictures and on their reconstructions, and the edits', with standard errors, and
appends a row to edits.csv.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import imaginable
from imaginable.apps import _found, _pictures
from imaginable.apps._reading import Known, everything_known, reader_of
from imaginable.core import seeds
from imaginable.data import images
from imaginable.latent.directions import Direction
from imaginable.training import job as jobs
from imaginable.training.run import Run
from rows import append

FAR = 1.0


def gaps(one: Known, made: dict[str, Direction], codes: Tensor) -> dict[str, Tensor]:
    """For every word, the way from the other words' codes to its own along its direction."""
    found = {}
    for word in one.words:
        vector = made[f"{one.name}: {word}"].vector.flatten()
        along = codes.flatten(1) @ vector / vector.square().sum()
        chosen = torch.from_numpy(one.is_word(word))
        found[word] = float(along[chosen].mean() - along[~chosen].mean()) * vector
    return found


def share(right: np.ndarray) -> str:
    mean = float(np.mean(right))
    return f"{mean:.3f} ± {math.sqrt(mean * (1 - mean) / len(right)):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--far", type=float, default=FAR)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    model = imaginable.load(asked.run)
    dataset = _pictures.training_data(asked.run, "the benchmark")
    judge = reader_of(jobs.load(Run(asked.run).job).data, dataset, print, seed=99)
    known = [one for one in everything_known(dataset) if one.words]
    made = {one.name: one for one in _found.from_labels(model, asked.run)}
    codes = model.encode_tensor(dataset.batch(dataset.train).x)
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
        way = gaps(Known(one.name, one.values[dataset.train], one.words), made, codes)
        steps = torch.stack([way[one.words[t]] - way[one.words[s]] for s, t in zip(true, target, strict=True)])
        edited = starts + asked.far * steps.reshape(starts.shape)
        pictures = model.decode_array(edited)
        read = judge.read(pictures)
        right = share(read[one.name].argmax(1) == target)
        others = [read[o.name].argmax(1) == o.values[held_out].astype(int) for o in known if o is not one]
        row[one.name] = right
        print(
            f"{one.name:12s} judge on held-out {share(real[one.name].argmax(1) == true)}, on their reconstructions "
            f"{share(rebuilt[one.name].argmax(1) == true)}; edits right {right}, others stay {share(np.concatenate(others))}"
        )
        parts = [
            model.decode_array(starts[:8] + a * asked.far * steps[:8].reshape(starts[:8].shape)) for a in (0, 0.5, 1)
        ]
        strips += [images.to_uint8(dataset.batch(held_out[:8]).x), *parts]
    if asked.out:
        images.save(asked.out, images.rows(strips), model.origin())
    append(Path(__file__).with_name("edits.csv"), row, list(row))


if __name__ == "__main__":
    main()
