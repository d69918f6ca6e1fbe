"""How fast a model makes pictures, as the package does it and with what could make it faster, on one CPU thread.

    python benchmarks/sampling.py [RUN ...] [--rounds 12] [--batch 64]

Without runs: fresh DCGAN generators at 32 and 64 px, whose batch norms have seen noise (theirs would give grey), and a
StyleGAN2 generator of the preset small at 64 px, of whose ways `ordinary` is a convolution in groups of the items.

The package decodes in float32, eagerly, with weights in channels_last; `Model.half()` in bfloat16, with batch norms
folded into the convolutions before them. Ordinary is float32 with weights as torch makes them, in a process that is not
tuned. All variants take turns in one process; speeds are medians over the rounds of process CPU time (the wall time of
a quiet machine), ratios are those of the medians to the ordinary one's, above 1 = faster. Measured are batches and
single pictures (latency). `greys` is what a variant changes of the package's pictures: the largest and the mean
difference in grey levels of 255.
"""

import argparse
import copy
import math
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import imaginable as im
from imaginable.core import fast
from imaginable.core.types import DataSpec
from imaginable.data import images
from imaginable.methods._method import Trained
from imaginable.methods.dcgan import Dcgan
from imaginable.methods.stylegan2 import Stylegan2
from imaginable.model import Model
from imaginable.nn.half import folded, halved
from ordinary import ordinary_settings
from ordinary_styles import ordinary_styles

LEAST_TURN = 0.1
"""seconds; quicker decoding is repeated"""


@dataclass(frozen=True)
class Variant:
    """One way to decode: what becomes of the networks (once) and of the codes, and what decoding runs under."""

    networks: Callable[[nn.Module], nn.Module] = lambda networks: networks
    codes: torch.dtype = torch.float32
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    settings: Callable[[], None] = fast.tune_process

    def of(self, model: Model) -> Callable[[Tensor], Tensor]:
        networks: Any = self.networks(copy.deepcopy(model.trained.networks))
        changed = replace(model, trained=replace(model.trained, networks=networks))

        def decode(z: Tensor) -> Tensor:
            with self.around():
                return changed.decode_tensor(z.to(self.codes) if z.is_floating_point() else z, changed.in_turn(len(z)))

        return decode


def bfloat16(networks: nn.Module) -> nn.Module:
    return networks.to(torch.bfloat16)


def bfloat16_but_norms(networks: nn.Module) -> nn.Module:
    """Scales, shifts and statistics of normalisation stay float32."""
    for module in networks.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            module.to(torch.bfloat16)
    return networks


def ordinary(networks: nn.Module) -> nn.Module:
    return ordinary_styles(networks.to(memory_format=torch.contiguous_format))  # type: ignore[call-overload]


def autocast() -> AbstractContextManager[object]:
    return fast.autocast(torch.device("cpu"), torch.bfloat16)


AS_IT_IS = "as the package"
ORDINARY = "ordinary: NCHW"
HALF = "as Model.half()"
VARIANTS = {
    ORDINARY: Variant(ordinary, settings=ordinary_settings),
    AS_IT_IS: Variant(),
    "inference_mode": Variant(around=torch.inference_mode),
    "folded norms": Variant(folded),
    "autocast": Variant(around=autocast),
    "bf16 weights": Variant(bfloat16, torch.bfloat16),
    "bf16 weights, not norms": Variant(bfloat16_but_norms, torch.bfloat16),
    "folded, bf16 weights": Variant(lambda networks: bfloat16(folded(networks)), torch.bfloat16),
    HALF: Variant(halved, around=autocast),
}


def fresh(method: Dcgan | Stylegan2, size: int) -> Model:
    torch.manual_seed(0)
    spec = DataSpec("images", (3, size, size))
    networks = fast.channels_last(method.networks(spec, {}))
    with torch.no_grad():
        for _ in range(50):  # else the statistics, and with them the pictures, are no generator's
            networks.generator(torch.randn(64, method.latents))  # type: ignore[operator]
    return Model(Trained(method, networks.eval().requires_grad_(False), spec), {})  # type: ignore[arg-type]


def report(model: Model, name: str, batch: int, rounds: int) -> None:
    ways = {label: variant.of(model) for label, variant in VARIANTS.items()}
    codes = model.latents(batch, seed=0)
    many, one = timed(ways, codes, rounds), timed(ways, codes[:1], rounds)
    expected = images.to_uint8(ways[AS_IT_IS](codes)).astype(int)
    print(f"{name}, {'x'.join(map(str, model.trained.spec.shape))}, batch {batch}, {rounds} rounds, one thread")
    print(f"{'':26}{'images/s':>9}{'ratio':>7}{'ms for 1':>10}{'ratio':>7}   greys: largest, mean")
    for label, decode in ways.items():
        ratios = many[ORDINARY] / many[label], one[ORDINARY] / one[label]
        greys = np.abs(images.to_uint8(decode(codes)).astype(int) - expected)
        figures = f"{batch / many[label]:9.0f}{ratios[0]:7.2f}{1000 * one[label]:10.2f}{ratios[1]:7.2f}"
        print(f"{label:26}{figures}{greys.max():11d}{greys.mean():8.3f}", flush=True)


def timed(ways: dict[str, Callable[[Tensor], Tensor]], codes: Tensor, rounds: int) -> dict[str, float]:
    """Median seconds of decoding the codes, of each way."""
    often = {}
    for label, decode in ways.items():
        often[label] = math.ceil(LEAST_TURN / seconds(label, decode, codes, 1))
    taken = [
        {label: seconds(label, decode, codes, often[label]) for label, decode in ways.items()} for _ in range(rounds)
    ]
    return {label: statistics.median(turn[label] for turn in taken) for label in ways}


def seconds(label: str, decode: Callable[[Tensor], Tensor], codes: Tensor, often: int) -> float:
    VARIANTS[label].settings()
    decode(codes)
    start = time.process_time()
    for _ in range(often):
        decode(codes)
    return (time.process_time() - start) / often


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", metavar="RUN")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    fast.tune_process()
    models = {run: im.load(run) for run in options.runs} or {
        "fresh dcgan, 32 px": fresh(Dcgan(), 32),
        "fresh dcgan, 64 px": fresh(Dcgan(), 64),
        "fresh stylegan2, 64 px": fresh(Stylegan2(**Stylegan2.presets["small"]), 64),
    }
    for name, model in models.items():
        report(model, name, options.batch, options.rounds)


if __name__ == "__main__":
    main()
