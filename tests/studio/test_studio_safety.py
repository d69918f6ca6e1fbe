"""Attacks on the studio, each made in earnest and each refused."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from studio_page import Page, design, opened
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from imaginable.apps._json import Reader
from imaginable.core.errors import UserError
from imaginable.studio import wire
from imaginable.studio.guard import Door
from imaginable.studio.runs import Runs
from imaginable.studio.server import address, listen
from imaginable.studio.trainings import Training

SECRET = "the secret of another folder"


def raw(page: Page, text: str, *parts: bytes, patience: float = 10.0) -> str:
    """An answer to bytes that no client library would send."""
    host, port = page.host.split(":")
    with socket.create_connection((host, int(port)), timeout=patience) as line:
        line.sendall(text.replace("HOST", page.host).replace("\n", "\r\n").encode())
        try:
            for part in parts:
                line.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has hung up on us, and may have answered before
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < 10:
            try:
                more = line.recv(65536)
            except ConnectionResetError:
                break
            if not more:
                break
            answer += more
    return answer.decode("latin-1")


# ---- pages from elsewhere


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "[::1",
        "127.0.0.1@evil",
    ],
)
def test_another_name_that_points_here_is_refused(page: Page, host: str) -> None:
    answer = page.http.get("/api/state", headers={"host": host})
    assert answer.status_code == 421 or (host == "" and answer.status_code == 400)
    assert "sneakers" not in answer.text
    with pytest.raises(InvalidStatus):
        connect(f"ws://{page.host}/ws", additional_headers={"Host": host}, origin=f"http://{host}")


def test_two_hosts_are_refused_and_names_of_this_machine_are_not(page: Page) -> None:
    two = raw(page, "GET /api/state HTTP/1.1\nHost: HOST\nHost: evil.example\n\n")
    assert two.split()[1] in ("400", "421")
    port = page.host.split(":")[1]
    for own in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "localhost:9000"):
        assert page.http.get("/", headers={"host": own, "origin": f"http://{own}"}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://HOST", "http://HOST.evil.example", "http://localhost:1", None]
)
def test_a_page_from_elsewhere_changes_nothing_and_opens_no_socket(page: Page, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin.replace("HOST", page.host)}
    with httpx.Client(base_url=page.url, headers=headers) as stranger:
        for path in ("/api/snapshots", "/api/train", "/api/runs/vae/photo", "/api/runs/vae/find"):
            assert stranger.post(path, json={"name": "x", "design": design()}).status_code == 403
    assert page.state()["snapshots"] == []
    with pytest.raises(InvalidStatus):
        connect(f"ws://{page.host}/ws", origin=headers.get("origin"))  # type: ignore[arg-type]


def test_another_page_cannot_embed_what_is_served(page: Page) -> None:
    for site in ("cross-site", "same-site"):
        assert page.http.get("/api/state", headers={"sec-fetch-site": site}).status_code == 403
    assert page.http.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200  # a link may lead here


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_no_request(page: Page, kind: str) -> None:
    body = json.dumps({"name": "x", "design": design()})
    answer = page.http.post("/api/snapshots", content=body, headers={"content-type": kind})
    assert answer.status_code == 415
    assert page.state()["snapshots"] == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(page: Page, method: str) -> None:
    if method == "CONNECT":
        assert raw(page, "CONNECT evil.example:443 HTTP/1.1\nHost: HOST\n\n").split()[1] in ("400", "405", "421")
        return
    assert page.http.request(method, "/api/state").status_code == 405
    assert page.http.post("/api/state").status_code == 405
    assert page.http.get("/api/train").status_code == 405


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/api/state", "/nothing", "/api/runs/x/directions/y.json"])
def test_every_answer_carries_the_policy(page: Page, path: str) -> None:
    headers = page.http.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


# ---- paths

PLACES = [
    "../secret.js",
    "..%2fsecret.js",
    "%2e%2e/secret.js",
    "%2e%2e%2fsecret.js",
    "..%5csecret.js",
    "....//secret.js",
    "%252e%252e%252fsecret.js",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "page.js%00",
    "link.js",
    "folder/inner.js",
    ".hidden.js",
    "C:%5csecret.js",
    "",
    "%ff%fe",
]


@pytest.fixture
def traps(home: Path) -> Iterator[Page]:
    """A static folder with a secret above it, a link to it, and a run's folder with the like."""
    static = home / "site" / "static"
    (static / "folder").mkdir(parents=True)
    (home / "site" / "secret.js").write_text(SECRET)
    (static / "index.html").write_text("page")
    (static / "page.js").write_text("page")
    (static / "folder" / "inner.js").write_text(SECRET)
    (static / "link.js").symlink_to(home / "site" / "secret.js")
    studio = home / "runs" / "vae" / "studio"
    studio.mkdir()
    (home / "runs" / "vae" / "secret.json").write_text(json.dumps({"name": SECRET}))
    (home / "runs" / "vae" / "secret.png").write_text(SECRET)
    (studio / "linked.json").symlink_to(home / "runs" / "vae" / "secret.json")
    with opened(Runs(), static) as page:
        yield page


@pytest.mark.parametrize("place", PLACES)
def test_no_path_leads_out_of_what_is_listed(traps: Page, place: str) -> None:
    for path in (f"/static/{place}", f"/api/snapshots/{place}.png", f"/api/snapshots/vae.{place}.png", f"//{place}"):
        answer = raw(traps, f"GET {path} HTTP/1.1\nHost: HOST\nConnection: close\n\n")
        assert answer.split()[1] in ("400", "404"), answer
        assert SECRET not in answer
        assert "root:" not in answer
    for path in (f"/api/runs/{place}/fold", f"/api/snapshots/{place}/remove", f"/api/jobs/{place}/cancel"):
        head = f"POST {path} HTTP/1.1\nHost: HOST\nOrigin: {traps.url}\nContent-Type: application/json\n"
        answer = raw(traps, head + "Content-Length: 2\nConnection: close\n\n", b"{}")
        assert answer.split()[1] in ("400", "404"), answer
    assert (Path("runs") / "vae" / "secret.json").exists()


@pytest.mark.parametrize(
    "place", ["../vae", "/etc", "runs/vae", "vae/../vae", "vae\0", "..", "vae/model", "VAE", "", 7]
)
def test_no_name_in_a_message_is_a_path(traps: Page, place: object) -> None:
    for path, content in [
        ("/api/runs/vae/fold", {"design": design(run=place)}),
        ("/api/train", {"data": place, "method": "vae", "minutes": 1, "size": None, "run": "x"}),
        ("/api/train", {"data": "sneakers", "method": place, "minutes": 1, "size": None, "run": "x"}),
        ("/api/runs/vae/directions/remove", {"name": place}),
    ]:
        answer = traps.post(path, **content)
        assert answer.status_code == 400, answer.text
        assert "error" in answer.json()
    assert traps.state()["snapshots"] == []  # the link is not one
    assert [path.name for path in Path("runs").iterdir()] == ["vae"]


def test_a_snapshot_that_is_a_link_is_none(page: Page, home: Path) -> None:
    id = page.told("/api/snapshots", name="x", design=design())["id"]
    studio, stem = home / "runs" / "vae" / "studio", id.removeprefix("vae.")
    (studio / f"{stem}.json").rename(home / "elsewhere.json")
    (studio / f"{stem}.json").symlink_to(home / "elsewhere.json")
    assert page.state()["snapshots"] == []
    assert page.http.get(f"/api/snapshots/{id}.png").status_code == 400
    (studio / f"{stem}.json").unlink()
    (home / "elsewhere.json").rename(studio / f"{stem}.json")
    assert [one["id"] for one in page.state()["snapshots"]] == [id]
    (studio / f"{stem}.png").unlink()
    (studio / f"{stem}.png").symlink_to("/etc/hostname")
    assert page.http.get(f"/api/snapshots/{id}.png").status_code == 400


@pytest.mark.parametrize("name", ["../../out", "/tmp/out", "..", "a/b\\c", "-rf", "CON:", "é*?"])
def test_a_name_a_person_gives_stays_in_its_folder(traps: Page, name: str) -> None:
    kept = traps.told("/api/snapshots", name=name, design=design())
    assert kept["name"] == name
    inside = {path.name for path in (Path("runs") / "vae" / "studio").iterdir()}
    assert {f"{kept['id'].removeprefix('vae.')}{ending}" for ending in (".json", ".png")} < inside


@pytest.mark.parametrize("name", ["../../out", "/tmp/out", "a/b\\c", "-rf", "CON:", "é*?", ".", "..", "~"])
def test_a_training_writes_under_runs_whatever_it_is_called(name: str) -> None:
    given = Reader({"data": "sneakers", "method": "vae", "minutes": 1, "run": name}, "request")
    asked = Training.read(given, {"sneakers": "sneakers"})
    assert asked.folder.parent == Path("runs")
    assert asked.folder.name.replace("-", "").replace("_", "").isalnum()
    assert asked.folder.name[0] != "-"
    assert asked.command()[3:6] == ["train", "vae", "sneakers"]


# ---- uploads and messages


def test_an_upload_beyond_the_limit_is_stopped_while_it_is_read(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_JSON", 1 << 20)
    claimed = page.http.post("/api/recipe", content=b"x" * (1 << 20) + b"x")
    assert claimed.status_code == 413
    head = f"POST /api/recipe HTTP/1.1\nHost: HOST\nOrigin: {page.url}\nTransfer-Encoding: chunked\n\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = raw(page, head, *[chunk] * 4096)  # 256 MB, and no end
    assert answer.split()[1] == "413"
    assert "connection: close" in answer.lower()
    lying = f"POST /api/recipe HTTP/1.1\nHost: HOST\nOrigin: {page.url}\nContent-Length: 99999999999\n\n"
    assert raw(page, lying).split()[1] == "413"
    assert page.http.get("/api/state").status_code == 200


def test_an_upload_that_never_ends_is_given_up(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "PATIENCE", 0.3)
    head = f"POST /api/recipe HTTP/1.1\nHost: HOST\nOrigin: {page.url}\nContent-Length: 100\n\n"
    assert raw(page, head, b"{").split()[1] == "408"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"design": NaN}',
        b"[" * 100_000,
        b'{"design":' * 50_000,
        b'{"design": {"run": "vae", "start": {"seed": ' + b"9" * 5000 + b"}}}",
        b'{"design": {"run": "vae", "start": {"code": [1e400, 0, 0, 0]}}}',
        b'{"design": {"run": "vae", "start": {"code": [NaN, 0, 0, 0]}}}',
        b'{"design": {"run": "vae", "start": {"code": ["1", 0, 0, 0]}}}',
        b'{"design": {"run": "vae", "start": {"seed": -1}}}',
        b'{"design": {"run": "vae", "start": {"seed": true}}}',
        b'{"design": {"run": {"a": 1}, "start": {"seed": 1}}}',
        b'{"design": {"run": "vae", "start": {"seed": 1}, "moves": {"a": 1}}}',
        b'{"design": {"run": "vae", "start": {"seed": 1}, "truncation": 1e300}}',
    ],
)
def test_nonsense_for_json_is_one_line_of_error(page: Page, body: bytes) -> None:
    answer = page.http.post("/api/runs/vae/fold", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert 0 < len(answer.json()["error"]) < 400


# ---- other machines


def test_for_other_machines_everything_asks_for_the_token(home: Path, static: Path) -> None:
    door = Door("0.0.0.0", "right-token")
    with opened(Runs(), static, door) as page:
        for path in ("/", "/static/page.js", "/api/state", "/?token=wrong", "/api/state?token=right-token", "/?token="):
            answer = page.http.get(path)
            assert answer.status_code == 403, path
            assert "set-cookie" not in answer.headers
        assert page.post("/api/snapshots", name="x", design=design()).status_code == 403
        with pytest.raises(InvalidStatus):
            page.socket()
        let_in = page.http.get("/?token=right-token")
        assert (let_in.status_code, let_in.headers["location"]) == (303, "/")
        cookie = let_in.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert page.state()["token"] is True  # the client keeps the cookie
        assert page.http.get("/", headers={"host": "evil.example"}).status_code == 421
        assert (
            page.http.get("/", headers={"host": "192.0.2.7:8420", "origin": "http://192.0.2.7:8420"}).status_code == 200
        )
        with page.socket(additional_headers={"Cookie": "imaginable=right-token"}) as socket:
            socket.send('{"type": "ping"}')
            assert json.loads(socket.recv(5))["type"] == "pong"
        with pytest.raises(InvalidStatus):
            page.socket(additional_headers={"Cookie": "imaginable=wrong"})


def test_only_this_machine_is_let_in_without_a_token() -> None:
    assert Door.of("127.0.0.1").token is None
    assert Door.of("localhost").token is None
    first, second = Door.of("0.0.0.0").token, Door.of("192.0.2.1").token
    assert first
    assert second
    assert first != second
    listening = listen("127.0.0.1", 0)
    try:
        port = listening.getsockname()[1]
        assert address(listening, Door()) == f"http://127.0.0.1:{port}/"
        assert address(listening, Door("192.0.2.1", "abc")) == f"http://192.0.2.1:{port}/?token=abc"
        with pytest.raises(UserError, match="listens there already"):
            listen("127.0.0.1", port)
    finally:
        listening.close()
