"""Official StyleGAN2 and StyleGAN3 checkpoints as runs, and files that must not be opened."""

from __future__ import annotations

import builtins
import collections
import os
import pathlib
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pickling
import pytest
import torch
from torch import Tensor

from imaginable import model as models
from imaginable.apps import _official, _pickled_values
from imaginable.apps._pickled_values import Record
from imaginable.apps._pickles import RefusedError
from imaginable.cli import main
from imaginable.core.types import DataSpec
from imaginable.methods.stylegan2 import Stylegan2
from imaginable.methods.stylegan3 import Stylegan3
from imaginable.networks.stylegan2 import Stylegan2Generator
from imaginable.networks.stylegan3_layers import stages
from imaginable.training import job as jobs
from imaginable.training.restore import begin_from
from imaginable.training.state import State

CLASSES = ("0", "1", "2")
OF_2 = Stylegan2(latents=8, styles=8, width=4, most=12, depth=2)
OF_3: dict[str, Any] = {"latents": 8, "styles": 8, "width": 4, "most": 8, "layers": 5, "depth": 2}
MADE: dict[str, tuple[Any, tuple[str, ...]]] = {
    "stylegan2": (OF_2, ()),
    "stylegan2 of classes": (OF_2, CLASSES),
    "stylegan3-t": (Stylegan3(**OF_3), ()),
    "stylegan3-t of classes": (Stylegan3(**OF_3), CLASSES),
    "stylegan3-r": (Stylegan3(variant="R", **OF_3), ()),
}


def networks(method: Any, classes: tuple[str, ...] = ()) -> Any:
    """With weights that no tensor has by chance: none is left at 0 or 1."""
    torch.manual_seed(0)
    made = method.networks(DataSpec("images", (3, 16, 16), classes), {}).eval().requires_grad_(False)
    for name, value in made.state_dict().items():
        if "magnitude" in name:
            value.fill_(1.3)
        elif value.ndim < 2 and "affine" not in name and value.is_floating_point():
            value.add_(0.2 * torch.randn(value.shape))
    return made


def theirs(nets: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Of a generator and a discriminator, under the authors' names."""
    judge = pickling.stylegan2_discriminator(nets.discriminator)
    if isinstance(nets.generator, Stylegan2Generator):
        return pickling.stylegan2_generator(nets.generator), judge
    more = 2 if nets.generator.synthesis.layers[0].convolution.weight.shape[-1] == 1 else 1
    made = stages(16, OF_3["layers"], more * OF_3["width"] * 8, more * OF_3["most"])
    return pickling.stylegan3_generator(nets.generator, made), judge


@pytest.mark.parametrize("kind", MADE)
def test_pictures_and_opinions_are_those_of_the_files_networks(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    method, classes = MADE[kind]
    nets = networks(method, classes)
    path = pickling.write(tmp_path / "official.pkl", *theirs(nets))
    assert main(["import", str(path), "--run", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "16 pixels" in said
    assert ("conditional on 3 classes" in said) == bool(classes)
    assert not path.with_suffix(".ran").exists(), "its source was run"
    model = models.load(tmp_path / "run")
    assert model.trained.method == method
    assert model.trained.spec.classes == classes
    z, label = torch.randn(2, 8), torch.tensor([2, 0]) if classes else None
    expected, found = (one.decode(one_nets, z, label) for one, one_nets in each(method, nets, model))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert found.std() > 0.01
    imported = _official.read(path)
    assert not imported.unjudged
    torch.testing.assert_close(
        method.judge(imported.trained.networks, expected, label), method.judge(nets, expected, label)
    )


def each(method: Any, nets: Any, model: Any) -> list[tuple[Any, Any]]:
    return [(method, nets), (model.trained.method, model.trained.networks)]


def test_an_imported_model_is_sampled_and_trained_on_with_its_discriminator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nets = networks(OF_2)
    path, run = pickling.write(tmp_path / "official.pkl", *theirs(nets)), tmp_path / "run"
    assert main(["import", str(path), "--run", str(run)]) == 0
    words = next(line for line in capsys.readouterr().out.splitlines() if " train " in line).split()
    assert main(["sample", str(run), "-n", "2", "--out", str(tmp_path / "made")]) == 0
    flags = [word.replace("DATA", "digits") for word in words[words.index("train") :]]
    few = ["--colour", "rgb", "--limit", "80", "--batch", "8", "--images", "64", "--run", str(tmp_path / "tuned")]
    assert main([*flags, *few]) == 0
    job = jobs.load(tmp_path / "tuned" / "job.yaml")
    state = State(job, DataSpec("images", (3, 16, 16)))
    begin_from(state)
    for player in ("generator", "discriminator"):
        expected = nets.get_submodule(player).state_dict()
        found = state.networks.get_submodule(player).state_dict()
        assert all(torch.allclose(found[name], value) for name, value in expected.items())
    averaged = state.averages.networks.get_submodule("generator").state_dict()
    assert all(torch.allclose(averaged[name], value) for name, value in nets.generator.state_dict().items())
    assert main(["resume", str(run)]) == 2, "there is no job to go on with"


def test_without_a_discriminator_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator, _ = theirs(networks(OF_2))
    path = pickling.write(tmp_path / "official.PKL", generator)
    assert main(["import", str(path), "--run", str(tmp_path / "run")]) == 0
    assert "begins with a new discriminator: the file's is missing" in capsys.readouterr().out
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


UNJUDGED: dict[str, tuple[dict[str, Any], Callable[[dict[str, Tensor]], object], str]] = {
    "of sums": ({"architecture": "skip"}, lambda d: None, "was made with architecture=skip; only resnet"),
    "of another activation": ({"activation": "relu"}, lambda d: None, "activation=relu; only lrelu"),
    "of other tensors": ({}, lambda d: d.pop("b8.skip.weight"), "discriminator's blocks.1.shortcut.weight is none"),
}


@pytest.mark.parametrize("kind", UNJUDGED)
def test_a_discriminator_of_another_kind_is_left_out_and_told(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, change, expected = UNJUDGED[kind]
    nets = networks(OF_2)
    generator, judge = theirs(nets)
    change(judge)
    path = pickling.write(tmp_path / "official.pkl", generator, judge, {}, arguments)
    assert main(["import", str(path), "--run", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "begins with a new discriminator: the file's" in said
    assert expected in said
    assert not (tmp_path / "run" / "checkpoint.pt").exists()
    z, model = torch.randn(2, 8), models.load(tmp_path / "run")
    pictures, found = (one.decode(one_nets, z) for one, one_nets in each(OF_2, nets, model))
    torch.testing.assert_close(found, pictures, rtol=0, atol=1e-5)


@pytest.mark.parametrize("protocol", [3, 4])
def test_what_official_files_hold_is_read_in_the_protocols_of_their_time(protocol: int, tmp_path: Path) -> None:
    tensors = {
        "half": torch.randn(3).half(),
        "brain": torch.randn(4, 2).bfloat16(),
        "part": torch.arange(12.0).view(3, 4)[1:, ::2].T,
        "long": torch.tensor([1, -(2**40)]),
        "one": torch.tensor(1.5),
        "empty": torch.empty(0),
    }
    made = pickling.module(
        {"inner.deep.weight": torch.ones(2), **tensors}, "raise", _init_kwargs=pickling.EasyDict(a=[1])
    )
    path = tmp_path / "x.pkl"
    path.write_bytes(pickling.file_of({"G_ema": made, "big": 2**70, "float": 1.5, "no": None, "yes": True}, protocol))
    found = _pickled_values.read(path)
    record = found.pop("G_ema")
    assert found == {"big": 2**70, "float": 1.5, "no": None, "yes": True}
    assert isinstance(record, Record)
    assert record.class_name == "Generator"
    assert record.part("_init_kwargs") == {"a": [1]}
    assert record.state["sampling_rate"] == 16
    assert record.state["sizes"].values.tolist() == [36, 36]
    read = record.tensors()
    assert read.pop("inner.deep.weight").tolist() == [1, 1]
    assert read.keys() == tensors.keys()
    for name, value in tensors.items():
        torch.testing.assert_close(read[name], value, rtol=0, atol=0)


class Calls:
    """What pickle writes as a call."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.reduced = (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


def storage(numbers: int) -> Any:
    return torch.storage.TypedStorage(
        wrap_storage=torch.zeros(numbers).untyped_storage(), dtype=torch.float32, _internal=True
    )


def tensor_of(numbers: int, size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> Calls:
    return Calls(torch._utils._rebuild_tensor_v2, storage(numbers), offset, size, stride, False, OrderedDict())


def nested(depth: int) -> bytes:
    """Of a list in a list and so on, which pickle itself cannot write."""
    return b"]" * depth + b"a" * (depth - 1) + b"."


def modules(depth: int) -> bytes:
    """A module in a module and so on."""
    content = pickling.file_of(pickling.Persistent("Generator", {"_modules": {"a": 12345}}, "x"), 2)
    before, after = content[2:-1].split(pickle.dumps(12345, 2)[2:-1])
    return b"}" + pickle.dumps("G_ema", 2)[2:-1] + before * depth + b"N" + after * depth + b"s."


def referring(depth: int) -> bytes:
    """Twice as many modules at every depth, by two references to the same one: 2 to the power of the depth."""
    record: Any = pickling.Persistent("Part", {}, "x")
    for _ in range(depth):
        record = pickling.Persistent("Part", {"_modules": {"a": record, "b": record}}, "x")
    return pickling.file_of({"G_ema": record})


def legacy_with_more(content: bytes) -> bytes:
    """A storage whose count says more numbers than follow."""
    return content.replace((8).to_bytes(8, "little"), (2**40).to_bytes(8, "little"))


ENTRIES: dict[str, tuple[Any, str]] = {
    "os.system": (Calls(os.system, "touch ran"), f"names {os.system.__module__}.system"),
    "eval": (Calls(builtins.eval, "1"), "names builtins.eval"),
    "getattr": (Calls(getattr, "x", "upper"), "names builtins.getattr"),
    "a path": (pathlib.PurePosixPath("x"), "names pathlib.PurePosixPath"),
    "a deque": (collections.deque([1]), "names collections.deque"),
    "objects": (np.array([{}], dtype=object), "array of objects"),
    "texts": (np.array(["x"]), "array of objects"),
    "attributes of a call": (Calls(OrderedDict, state={"x": 1}), "sets attributes"),
    "tuples as keys": ({(1, 2): 3}, "neither text nor numbers"),
    "too small a storage": (tensor_of(4, (5,), (1,)), "5 numbers that is not within its storage of 4"),
    "a view of many": (tensor_of(4, (2**40,), (0,)), "not within its storage of 4"),
    "beyond the end": (tensor_of(4, (2,), (1,), offset=3), "not within its storage of 4"),
    "before the start": (tensor_of(4, (2,), (-1,), offset=1), "negative"),
    "huge sizes": (tensor_of(4, (2**70,), (1,)), "not within its storage of 4"),
}
RAW: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is empty"),
    "text": (b"hello, I am no pickle\n", "not a complete pickle"),
    "cut off": (pickling.file_of({"G_ema": "x" * 100})[:-20], "not a complete pickle"),
    "an end alone": (b".", "not a complete pickle"),
    "a list": (pickle.dumps([1]), "no networks by name"),
    "without G_ema": (pickle.dumps({"G": 1}), "no G_ema"),
    "lists 10,000 deep": (nested(10_000), "nested too deeply"),
    "modules 4,000 deep": (modules(4_000), "nested too deeply"),
    "modules 2 ** 40 times": (referring(40), "nested too deeply"),
    "steps without end": (b"N0" * 1_500_000 + b".", "too many steps"),
    "a length beyond the end": (b"\x8e" + (2**40).to_bytes(8, "little") + b"x.", "not a complete pickle"),
    "a place in a file": (b"Px\n.", "takes the step PERSID"),
    "an old instance": (b"(ios\nsystem\n.", "takes the step INST"),
    "a registered extension": (b"\x82\x01.", "takes the step EXT1"),
    "a call of what was made": (b"]).".replace(b".", b"R."), "calls what is no name"),
    "dots in a name": (b"\x8c\x08builtins\x8c\x0edict.__class__\x93.", "names builtins.dict.__class__"),
    "a line in a name": (b"\x8c\x02os\x8c\x08a\nsystem\x93.", "names os.a?system"),
    "a function that is only mentioned": (b"cnumpy\nndarray\n)R.", "only to be mentioned"),
}


def refused(path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the one line says after the file's name."""
    capsys.readouterr()
    assert main(["import", str(path), "--run", str(run)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"imaginable: {path}: ")
    assert len(said.strip().splitlines()) == 1
    assert not run.exists()
    return said


@pytest.mark.parametrize("what", [*ENTRIES, *RAW])
def test_what_is_no_official_checkpoint_is_refused_in_one_line(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    content, expected = RAW[what] if what in RAW else (pickle.dumps({"G_ema": ENTRIES[what][0]}), ENTRIES[what][1])
    Path("x.pkl").write_bytes(content)
    assert expected in refused(Path("x.pkl"), tmp_path / "run", capsys)
    assert not Path("ran").exists()


def test_storages_that_say_more_than_they_have_are_refused() -> None:
    reduced = storage(8).__reduce__()[1][0]
    assert _pickled_values.KNOWN["torch.storage._load_from_bytes"]((reduced,)).tolist() == [0.0] * 8
    for spoiled in (legacy_with_more(reduced), reduced[:-4], reduced + b"1234", reduced[:40], b""):
        assert spoiled != reduced
        with pytest.raises((RefusedError, Exception), match=r"said to have|no(t a)? complete|unpack|requires"):
            _pickled_values.KNOWN["torch.storage._load_from_bytes"]((spoiled,))


def test_a_zip_a_folder_and_a_size_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"G_ema": torch.ones(1)}, tmp_path / "zip.pkl")
    assert zipfile.is_zipfile(tmp_path / "zip.pkl")
    assert "is a zip" in refused(tmp_path / "zip.pkl", tmp_path / "run", capsys)
    assert "no such file" in refused(tmp_path / "none.pkl", tmp_path / "run", capsys)
    assert main(["import", str(tmp_path / "zip.pkl"), "--run", str(tmp_path / "run"), "--size", "32"]) == 2
    assert "--size 32" in capsys.readouterr().err


Change = Callable[[dict[str, Tensor], dict[str, Tensor]], object]
SPOILED: dict[str, tuple[Change, str]] = {
    "a tensor less": (lambda g, d: g.pop("synthesis.b8.torgb.bias"), "pictures.1.bias is none"),
    "a tensor more": (lambda g, d: g.update({"synthesis.b8.skip.weight": torch.ones(1)}), "and none was expected"),
    "another shape": (
        lambda g, d: g.update({"mapping.fc1.weight": torch.ones(8, 9)}),
        "(8, 9), and (8, 8) was expected",
    ),
    "no mapping": (lambda g, d: g.pop("mapping.fc0.weight"), "mapping.fc0.weight is missing"),
    "other channels": (
        lambda g, d: g.update({"synthesis.b8.conv1.weight": torch.ones(5, 5, 3, 3)}),
        "[4, 5, 12] channels",
    ),
    "another filter": (lambda g, d: g["synthesis.b8.resample_filter"].zero_(), "another filter"),
    "a line in a name": (lambda g, d: g.update({"synthesis.b8.a\nb": torch.ones(1)}), "a?b is (1,)"),
    "many channels": (lambda g, d: g.update({"synthesis.b16.torgb.weight": torch.ones(5, 4, 1, 1)}), "of 5 channels"),
}


ARGUMENTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a residual generator": ({"architecture": "resnet"}, {}, "architecture=resnet; only skip"),
    "another activation": ({"block_kwargs": {"activation": "relu"}}, {}, "activation=relu; only lrelu"),
    "a number of many digits": ({"activation": 2**100_000}, {}, "activation=int; only lrelu"),
    "another rate": ({"mapping_kwargs": {"lr_multiplier": [1]}}, {}, "lr_multiplier=list; only 0.01"),
}


@pytest.mark.parametrize("how", ARGUMENTS)
def test_networks_made_with_other_arguments_are_refused(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *arguments, expected = ARGUMENTS[how]
    path = pickling.write(tmp_path / "x.pkl", *theirs(networks(OF_2)), *arguments)
    assert expected in refused(path, tmp_path / "run", capsys)


def test_a_generator_without_latents_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator, _ = theirs(networks(OF_2, CLASSES))
    generator["mapping.fc0.weight"] = generator["mapping.fc0.weight"][:, 8:]
    assert "without latents" in refused(pickling.write(tmp_path / "x.pkl", generator), tmp_path / "run", capsys)


def test_layers_of_another_stylegan3_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator, judge = theirs(networks(Stylegan3(**OF_3)))
    renamed = {name.replace("L0_36_", "L0_40_"): value for name, value in generator.items()}
    path, run = tmp_path / "x.pkl", tmp_path / "run"
    assert "layers of other sizes" in refused(pickling.write(path, renamed, judge), run, capsys)
    first = next(name for name in generator if name.endswith("down_filter"))
    radial = generator | {first: torch.ones(12, 12)}
    assert "without radial filters" in refused(pickling.write(path, radial, judge), run, capsys)
    renamed = {name.replace("L5_16_", "L5_0_"): value for name, value in generator.items()}
    assert "stylegan3" in refused(pickling.write(path, renamed, judge), run, capsys)
    arguments = {"output_scale": 1.0}
    assert "output_scale=1.0; only 0.25" in refused(pickling.write(path, generator, judge, arguments), run, capsys)


@pytest.mark.parametrize("how", SPOILED)
def test_networks_of_another_shape_are_refused_by_name(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, expected = SPOILED[how]
    states = theirs(networks(OF_2))
    change(*states)
    assert expected in refused(pickling.write(tmp_path / "x.pkl", *states), tmp_path / "run", capsys)
