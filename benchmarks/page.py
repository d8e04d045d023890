"""The page under load, kills and attacks, as a real server: benchmarks/page.md has the figures.

    python benchmarks/page.py

Load: 20 raters save at once for a minute; every saved mark must be in the file. Kill: the server is
killed with SIGKILL at random moments while raters save; every mark that was acknowledged must be in
the file. Hostile: 10,000 requests of paths, headers, ranges and JSON that nobody should send, most
of them with the cookies of organiser and rater; none may bring a trace, a file from outside the
folder, or the end of the server.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.generated.encoding import write_film
from cofinal.generated.rendering import FilmSettings

RATERS, SECONDS, SAVES_A_SECOND = 20, 60.0, 5.0
KILLS, ATTACKS, FILMS = 20, 10_000, 12
SECRET = "nobody outside may read this"
Headers = dict[str, str]


@dataclass
class Server:
    """A served folder, and the cookies of those who may use it."""

    folder: Path
    process: subprocess.Popen[str]
    port: int
    start: str
    organiser: str = ""
    said: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Headers | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def send(self, path: str, value: Any, cookie: str) -> dict[str, Any]:
        """Sends JSON as the page's scripts do."""
        headers = {"origin": self.origin, "cookie": cookie}
        status, _, body = self.ask("POST", path, json.dumps(value).encode(), headers)
        assert status == 200, (path, status, body)
        told: dict[str, Any] = json.loads(body)
        return told

    def enter(self, path: str) -> str:
        """Follows a link; gives the cookie."""
        _, headers, _ = self.ask("GET", path)
        return headers["set-cookie"].split(";")[0]


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server of a folder, as its own process; ended afterwards."""
    command = [sys.executable, "-m", "cofinal", "serve", str(folder), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    reader = threading.Thread()
    try:
        found = None
        said = []
        while found is None and (line := process.stdout.readline()):
            said.append(line)
            found = re.search(r"http://127\.0\.0\.1:(\d+)(/start/\S+)", line)
        assert found, said
        server = Server(folder, process, int(found[1]), found[2], said=said)
        reader = threading.Thread(target=lambda: said.extend(process.stdout or ()))
        reader.start()
        for _ in range(200):
            with suppress(OSError):
                server.organiser = server.enter(server.start)
                break
            time.sleep(0.05)
        yield server
    finally:
        process.kill()
        process.wait()
        if reader.ident:
            reader.join()
        process.stdout.close()


def make_films(folder: Path, count: int = FILMS) -> None:
    """Films of noise, one second each."""
    frames = list(np.random.default_rng(0).integers(0, 256, (10, 48, 64, 3), np.uint8))
    write_film(folder / "f00.mp4", frames, FilmSettings(64, 48, 10), "benchmark")
    for number in range(1, count):
        (folder / f"f{number:02}.mp4").write_bytes((folder / "f00.mp4").read_bytes())


def prepare(server: Server, count: int) -> list[str]:
    """Chooses a target and invites raters; gives their cookies."""
    target = {"name": "score", "lowest": 0, "highest": 1_000_000, "step": 1}
    server.send("/targets", {"targets": [target]}, server.organiser)
    cookies = []
    for number in range(count):
        told = {"name": f"rater {number}", "repeat_share": 0}
        link = server.send("/raters", told, server.organiser)["link"]
        cookies.append(server.enter(link))
    return cookies


@dataclass
class Saver:
    """A rater who saves marks as fast as told; each mark is another number."""

    server: Server
    cookie: str
    number: int
    saved: list[tuple[str, int]] = field(default_factory=list)
    """Rater and mark, acknowledged."""
    waited: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def run(self, until: Callable[[], bool], a_second: float) -> None:
        """Saves until told to stop, or until the server is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = {"origin": self.server.origin, "cookie": self.cookie}
        count = 0
        while not until():
            count += 1
            body = json.dumps({"target": "score", "mark": count}).encode()
            begun = time.monotonic()
            try:
                connection.request("POST", f"/rate/{count % FILMS + 1}/mark", body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(type(error).__name__)
                break
            spent = time.monotonic() - begun
            self.waited.append(spent)
            if answer.status == 200:
                self.saved.append((f"rater {self.number}", count))
            else:
                self.errors.append(str(answer.status))
            time.sleep(max(0.0, 1 / a_second - spent))
        connection.close()


def in_file(folder: Path) -> set[tuple[str, int]]:
    """Rater and mark of every line in the file, which must be whole."""
    with closing(sqlite3.connect(folder / "cofinal-marks.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT name, mark FROM marks JOIN raters ON raters.id = marks.rater")
        return {(name, int(mark)) for name, mark in rows}


def load(folder: Path, raters: int = RATERS, seconds: float = SECONDS) -> dict[str, Any]:
    """Raters who save at once."""
    with serving(folder) as server:
        savers = [Saver(server, c, k) for k, c in enumerate(prepare(server, raters))]
        end = time.monotonic() + seconds
        _run(savers, lambda: time.monotonic() >= end, SAVES_A_SECOND)
        found = in_file(folder)
    saved = {one for saver in savers for one in saver.saved}
    waited = sorted(spent for saver in savers for spent in saver.waited)
    return {
        "raters": raters,
        "seconds": seconds,
        "saved": len(saved),
        "errors": sum(len(saver.errors) for saver in savers),
        "lost": len(saved - found),
        "median_ms": round(1000 * statistics.median(waited), 1),
        "p99_ms": round(1000 * waited[int(0.99 * (len(waited) - 1))], 1),
        "longest_ms": round(1000 * waited[-1], 1),
    }


def _run(savers: list[Saver], until: Callable[[], bool], a_second: float) -> None:
    threads = [threading.Thread(target=one.run, args=(until, a_second)) for one in savers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def kill(folder: Path, kills: int = KILLS, raters: int = 8) -> dict[str, Any]:
    """Kills the server at random moments while raters save."""
    rng = random.Random(0)
    acknowledged, lost = 0, 0
    for number in range(kills):
        place = folder / f"kill{number}"
        place.mkdir()
        make_films(place, FILMS)
        with serving(place) as server:
            savers = [Saver(server, c, k) for k, c in enumerate(prepare(server, raters))]
            process = server.process
            moment = threading.Timer(
                rng.uniform(0.05, 1.0), lambda p=process: p.send_signal(signal.SIGKILL)
            )
            moment.start()
            _run(savers, lambda p=process: p.poll() is not None, 1000.0)
        saved = {one for saver in savers for one in saver.saved}
        acknowledged += len(saved)
        lost += len(saved - in_file(place))
    return {"kills": kills, "raters": raters, "acknowledged": acknowledged, "lost": lost}


PATHS = (
    "/", "/rate", "/rate/1", "/rate/1/film", "/rate/1/mark", "/rate/1/moment", "/done", "/compare",
    "/compare/say", "/agreement", "/agreement/1.png", "/ranking", "/model", "/model/progress",
    "/model/report", "/model/report/f00", "/model/cancel", "/export", "/export/labels.csv",
    "/export/elan/f00.eaf", "/moments", "/groups", "/targets", "/raters", "/raters/here",
    "/assets/page.css", "/start/x", "/join/x",
)  # fmt: skip
POSTS = (
    "/rate/1/mark", "/rate/1/moment", "/compare/say", "/model/report", "/moments", "/groups",
    "/targets", "/raters/here", "/model/train", "/raters",
)  # fmt: skip
PIECES = (
    "..", "%2e%2e", "%2e%2e%2f", "..%5c", "%00", "%c0%af", "//", "etc/passwd", "secret.txt", "f00",
    "cofinal-marks.sqlite", "a" * 5000, "%ff", "~", ".", "-1", "0", "99999999999999999999", "1e9",
    "%0d%0aX-Evil:%201", "<script>", "{{7*7}}", "'; DROP TABLE marks; --", "\u00e9".encode().hex(),
)  # fmt: skip
NAMES = (
    "target", "mark", "name", "note", "start", "end", "number", "removed", "left", "right",
    "better", "left_seconds", "film", "group", "text", "judge", "targets", "lowest", "highest",
    "step", "rater", "backbone", "learned", "repeat_share",
)  # fmt: skip
RANGES = (
    "bytes=0-", "bytes=-1", "bytes=0-0,1-1", "bytes=5-2", "bytes=99999999999-", "bytes=-",
    "bytes=0-99999999999999999999999", "bytes=a-b", "items=0-1", "bytes=--1", "bytes=0x0-0x1",
    "bytes=" + "0-0," * 500,
)  # fmt: skip


def value(rng: random.Random, deep: int = 0) -> Any:
    """A value that nobody should send, or just one of another kind."""
    kinds: list[Callable[[], Any]] = [
        lambda: None,
        lambda: rng.random() < 0.5,
        lambda: rng.choice([0, 1, -1, 2**63, -(10**400), 0.5, -0.0, 1e308, 5e-324]),
        lambda: rng.choice(PIECES),
        lambda: rng.choice(["score", "f00", "left", "rater 0", "x.eaf", "x.csv", "x.json"]),
        lambda: "\u0000\u202e\ud83d\ude00"[: rng.randint(0, 3)],
        lambda: "x" * rng.choice([81, 10_000]),
        lambda: '<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT/>',
        lambda: "film,judge,name,start,end,note\nf00,rater 0,=1+1,nan,1e999,\n",
    ]
    if deep < 3:
        kinds += [
            lambda: [value(rng, deep + 1) for _ in range(rng.randint(0, 3))],
            lambda: {rng.choice(NAMES): value(rng, deep + 1) for _ in range(rng.randint(0, 4))},
        ]
    return rng.choice(kinds)()


def body(rng: random.Random) -> bytes:
    """JSON, or what claims to be."""
    if rng.random() < 0.15:
        return rng.choice(
            [b"", b"{", b"[" * 50_000, b'{"a":' * 20_000, b"\xff\xfe", b"NaN", b'"x"', b"{}" * 9]
        )
    told = {rng.choice(NAMES): value(rng) for _ in range(rng.randint(0, 6))}
    return json.dumps(told).encode("utf-8", "surrogatepass")


def attack(server: Server, rng: random.Random, cookies: str) -> tuple[int, bytes]:
    """One hostile request; status 0 if the server closed the connection."""
    headers: Headers = {"cookie": cookies} if rng.random() < 0.85 else {}
    if rng.random() < 0.9:
        headers["origin"] = server.origin
    else:
        headers["origin"] = rng.choice(
            ["null", "http://evil.example", "x" * 300, server.origin + "0"]
        )
    if rng.random() < 0.05:
        headers["host"] = rng.choice(["evil.example", "127.0.0.1", "[::1", "a@b", "", "x" * 3000])
    if rng.random() < 0.2:
        headers["range"] = rng.choice(RANGES)
    if rng.random() < 0.05:
        headers["cookie"] = rng.choice(["=", "a" * 5000, cookies + "x", "; ".join(["b=c"] * 300)])
    way = rng.random()
    if way < 0.08:
        return raw(server, rng)
    if way < 0.5:
        return server.ask("POST", rng.choice(POSTS), body(rng), headers)[::2]
    path = rng.choice(PATHS)
    for _ in range(rng.randint(0, 3)):
        path = path.rstrip("/") + "/" + rng.choice(PIECES)
    path = path.replace(" ", "%20")
    method = rng.choice(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
    return server.ask(method, path, None, headers)[::2]


def raw(server: Server, rng: random.Random) -> tuple[int, bytes]:
    """Bytes that are hardly a request."""
    host = f"Host: 127.0.0.1:{server.port}\r\n".encode()
    sent = rng.choice(
        [
            rng.randbytes(200),
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET /../../secret.txt HTTP/1.1\r\n" + host + b"\r\n",
            b"GET http://evil.example/ HTTP/1.1\r\n" + host + b"\r\n",
            b"POST /raters HTTP/1.1\r\n" + host + b"Content-Length: -5\r\n\r\n",
            b"POST /raters HTTP/1.1\r\n" + host + b"Content-Length: 99999999999\r\n\r\n",
            b"POST /raters HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET / HTTP/1.1\r\n" + host + host + b"\r\n",
            b"GET / HTTP/1.1\r\n" + host + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + host + b"\r\n",
        ]
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        except OSError:
            return 0, b""
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return (int(found[1]) if found else 0), answer


def hostile(folder: Path, attacks: int = ATTACKS) -> dict[str, Any]:
    """Attacks the server, and looks what they brought."""
    (folder.parent / "secret.txt").write_text(SECRET)
    (folder / "secret.txt").write_text(SECRET)
    rng = random.Random(0)
    statuses: Counter[int] = Counter()
    traces = leaks = 0
    with serving(folder) as server:
        (rater,) = prepare(server, 1)
        for _ in range(attacks):
            status, answer = attack(server, rng, f"{server.organiser}; {rater}")
            statuses[status] += 1
            traces += b"Traceback" in answer or b'File "' in answer
            leaks += SECRET.encode() in answer or b"SQLite format" in answer or b"root:" in answer
        alive = server.ask("GET", "/", headers={"cookie": server.organiser})[0] == 200
        time.sleep(0.2)
        traces += sum("Traceback" in line for line in server.said)
    in_file(folder)
    return {
        "requests": attacks,
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "failures_500": statuses[500],
        "traces": traces,
        "leaks": leaks,
        "alive": alive,
    }


def main() -> None:
    """Runs all three and prints the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--only", choices=("load", "kill", "hostile"))
    chosen = parser.parse_args().only
    found: dict[str, Any] = {"processors": os.cpu_count()}
    for name, measure in (("load", load), ("kill", kill), ("hostile", hostile)):
        if chosen in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                films = Path(folder) / "films"
                films.mkdir()
                make_films(films)
                found[name] = measure(films)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
