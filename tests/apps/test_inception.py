"""Where the weights come from: files good and bad, and a small server on this machine that answers in every way."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import safetensors.torch
import torch
from torch import Tensor

from imaginable.apps import _inception
from imaginable.apps._inception import NAME, cached, inception, weights
from imaginable.core.errors import UserError
from imaginable.data import cache
from imaginable.networks.inception import Inception

CONTENT = bytes(range(256)) * 9000  # more than two blocks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def silent(line: str) -> None:
    pass


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    """Of the right names and shapes, each of one number repeated, so that a .pth of them is small."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in Inception().state_dict().items()}
    return {name: torch.tensor(0.5).expand(shape) for name, shape in shapes.items() if "tracked" not in name}


def saved(tensors: object, path: Path) -> Path:
    torch.save(tensors, path)
    return path


def test_a_pth_file_fills_a_network_that_is_ready_to_use(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    network = inception(saved(tensors, tmp_path / "mine.pth"), silent)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(value.is_meta for value in network.state_dict().values())
    assert (network.fc.weight == 0.5).all()
    assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 2048)


def test_a_safetensors_file_of_other_precision_with_counters_is_read(
    tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    halves = {name: value.half().contiguous() for name, value in tensors.items()}
    safetensors.torch.save_file({**halves, "Conv2d_1a_3x3.bn.num_batches_tracked": torch.tensor(7)}, path)
    found = weights(path, silent)
    assert found.keys() == tensors.keys()
    assert {value.dtype for value in found.values()} == {torch.float32}
    assert (found["fc.bias"] == 0.5).all()


def test_weights_of_another_network_are_named(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    less = {name: value for name, value in tensors.items() if not name.startswith("fc.")}
    wrong = {
        r"fc\.weight is missing, and 1 more such": less,
        r"AuxLogits\.fc\.bias is not in the network$": {**tensors, "AuxLogits.fc.bias": torch.zeros(1000)},
        r"fc\.bias is \(1000,\) and should be \(1008,\)$": {**tensors, "fc.bias": torch.zeros(1000)},
    }
    for message, state in wrong.items():
        with pytest.raises(UserError, match=rf"mine\.pth: not the weights .*: {message}"):
            weights(saved(state, tmp_path / "mine.pth"), silent)


def test_what_is_no_file_of_weights_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.pth: no such file"):
        weights(tmp_path / "none.pth", silent)
    with pytest.raises(UserError, match=r"the ending says the format"):
        weights(tmp_path / "mine.bin", silent)
    with pytest.raises(UserError, match=r"mine\.pth: holds other things"):
        weights(saved({"state": {"fc.bias": torch.zeros(1)}}, tmp_path / "mine.pth"), silent)
    with pytest.raises(UserError, match=r"code\.pth: not a file of weights"):
        weights(saved(Path("runs code"), tmp_path / "code.pth"), silent)
    for name in ("text.pth", "text.safetensors"):
        (tmp_path / name).write_text("no weights")
        with pytest.raises(UserError, match=rf"{name}: not a file of weights, or damaged") as caught:
            weights(tmp_path / name, silent)
        assert "\n" not in str(caught.value)


def test_a_file_with_the_releases_name_must_be_the_release(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"wrong hash.*the release's {_inception.SHA256}"):
        weights(saved(tensors, tmp_path / NAME), silent)


class Answers(BaseHTTPRequestHandler):
    """One path for each way in which a server answers."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
        elif self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/whole")
        else:
            self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()
        body = {"/whole": CONTENT, "/short": CONTENT[:-1], "/other": CONTENT[::-1]}
        try:
            self.wfile.write(body.get(self.path, b""))
            while self.path == "/endless":
                self.wfile.write(CONTENT)
        except ConnectionError:
            self.close_connection = True  # whoever asked had enough

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """The server's address, and the paths that were asked for."""
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Recording", (Answers,), {"asked": asked}))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def fetched(url: str, path: Path, said: list[str] | None = None) -> Path:
    return cached(path, url, len(CONTENT), SHA256, ([] if said is None else said).append)


def test_what_was_fetched_is_kept_and_not_fetched_again(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = server
    said: list[str] = []
    path = tmp_path / "weights" / "new.pth"
    assert fetched(f"{address}/moved", path, said) == path
    assert path.read_bytes() == CONTENT
    assert len(said) == 1
    assert f"2.3 MB, once) from {address}/moved into {path.parent}" in said[0]
    assert fetched(f"{address}/moved", path, said) == path
    assert asked == ["/moved", "/whole"]
    assert len(said) == 1


def test_a_damaged_copy_is_named_and_replaced(server: tuple[str, list[str]], tmp_path: Path) -> None:
    path = tmp_path / "new.pth"
    said: list[str] = []
    path.write_bytes(CONTENT[1:])
    fetched(f"{server[0]}/whole", path, said)
    assert path.read_bytes() == CONTENT
    assert said[0].startswith(f"{path}: damaged")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/other", f"wrong hash.*{hashlib.sha256(CONTENT[::-1]).hexdigest()}, not {SHA256}"),
        ("/endless", f"wrong hash.*not {SHA256}"),
        ("/short", r"only 2,303,999 of 2,304,000 bytes"),
        ("/missing", "404"),
        ("/elsewhere", "ftp"),
    ],
)
def test_what_is_not_the_file_leaves_nothing_behind(
    server: tuple[str, list[str]], tmp_path: Path, path: str, reason: str
) -> None:
    with pytest.raises(UserError, match=rf"{path}: not fetched \(.*{reason}.*--inception FILE") as caught:
        fetched(server[0] + path, tmp_path / "new.pth")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_not_there_or_is_no_web_server_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for url, reason in {
        f"http://127.0.0.1:{port}/whole": "refused",
        (tmp_path / "whole").as_uri(): "unknown url type: file",
        "whole": "unknown url type",
    }.items():
        with pytest.raises(UserError, match=rf"not fetched \(.*{reason}.*--inception FILE"):
            fetched(url, tmp_path / "new.pth")


def test_a_server_that_stalls_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_inception, "_STALLED", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent_server,  # takes the connection and never answers
        pytest.raises(UserError, match=r"not fetched \(.*timed out"),
    ):
        fetched(f"http://127.0.0.1:{silent_server.getsockname()[1]}/whole", tmp_path / "new.pth")


def test_without_a_file_the_release_is_looked_for_in_the_cache(
    server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tensors: dict[str, Tensor]
) -> None:
    monkeypatch.setenv("IMAGINABLE_CACHE", str(tmp_path))
    said: list[str] = []
    with pytest.raises(UserError, match="not fetched"):
        weights(None, said.append, f"{server[0]}/other")
    assert "95.6 MB" in said[0]
    kept = cache.folder() / "weights" / NAME
    assert not list(kept.parent.glob("*"))
    saved(tensors, kept)
    monkeypatch.setattr(_inception, "SHA256", hashlib.sha256(kept.read_bytes()).hexdigest())
    assert weights(None, said.append, f"{server[0]}/other").keys() == tensors.keys()
    assert len(said) == 1
    assert server[1] == ["/other"]
