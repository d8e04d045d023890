"""Who is let in: hosts, origins, cookies, sizes, ranges."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_visitors import ORIGIN, PORT, Visitor

from cofinal.errors import CofinalError
from cofinal.page.access import Place
from cofinal.page.films import Films
from cofinal.page.guard import LARGEST_BODY, Guard
from cofinal.page.ranges import wanted
from cofinal.page.server import check_host


def test_nobody_gets_in_without_the_start_address(place: Place) -> None:
    visitor = Visitor(place)
    assert visitor.get("/").status_code == 403
    assert visitor.get("/start/guess").status_code == 403
    assert visitor.get("/rate").status_code == 403
    assert visitor.tell("/targets", {}).status_code == 403
    assert visitor.get(f"/start/{place.token}").status_code == 200
    cookie = next(iter(visitor.cookies.jar))
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"


def test_every_answer_forbids_inline_scripts_and_other_places(organiser: Visitor) -> None:
    for address in ("/", "/nothing", "/assets/page.css"):
        policy = organiser.get(address).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    text = organiser.get("/").text
    assert "<script>" not in text
    assert "style=" not in text
    assert "onclick" not in text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:1", "[::1", "a@127.0.0.1"]
)
def test_other_hosts_are_refused(organiser: Visitor, host: str) -> None:
    assert organiser.get("/", headers={"host": host}).status_code == 421


def test_the_network_is_known_by_figures_only() -> None:
    async def nothing(*_: object) -> None: ...

    alone, shared = Guard(nothing, PORT), Guard(nothing, PORT, open_to_network=True)
    assert alone.knows(f"127.0.0.1:{PORT}") and alone.knows(f"[::1]:{PORT}")
    assert not alone.knows(f"192.168.1.20:{PORT}")
    assert shared.knows(f"192.168.1.20:{PORT}")
    assert not shared.knows(f"evil.example:{PORT}")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", None])
def test_other_pages_cannot_send(organiser: Visitor, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    answer = organiser.post("/raters", json={"name": "Eve"}, headers=headers)
    assert answer.status_code == 403
    assert "Eve" not in organiser.get("/").text


def test_other_pages_cannot_look(organiser: Visitor) -> None:
    embedded = {
        "sec-fetch-site": "same-site",
        "sec-fetch-mode": "no-cors",
        "sec-fetch-dest": "video",
    }
    assert organiser.get("/", headers=embedded).status_code == 403
    link = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    assert organiser.get("/", headers=link).status_code == 200


def test_bodies_are_limited_and_must_be_objects(organiser: Visitor) -> None:
    headers = {"origin": ORIGIN}
    assert (
        organiser.post("/raters", content=b"x" * (LARGEST_BODY + 1), headers=headers).status_code
        == 413
    )
    pieces = iter([b"x" * 2**20] * 6)  # without a length
    assert organiser.post("/raters", content=pieces, headers=headers).status_code == 400
    for body in (b"", b"[]", b"{", b'{"name": NaN}', b"[" * 100_000):
        assert organiser.post("/raters", content=body, headers=headers).status_code == 400
    assert organiser.put("/raters", headers=headers).status_code == 405


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 10)),
        ("bytes=0-", (0, 10)),
        ("bytes=2-4", (2, 5)),
        ("bytes=8-99", (8, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=10-", None),
        ("bytes=4-2", None),
        ("bytes=-0", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=0-" + "9" * 99, None),
    ],
)
def test_one_range(header: str | None, expected: tuple[int, int] | None) -> None:
    assert wanted(header, 10) == expected


def test_a_film_is_sent_in_ranges(organiser: Visitor, film_bytes: bytes) -> None:
    rater = organiser.invite("Ana")
    whole = rater.get("/rate/1/film")
    assert (whole.status_code, whole.content) == (200, film_bytes)
    part = rater.get("/rate/1/film", headers={"range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, film_bytes[5:10])
    assert part.headers["content-range"] == f"bytes 5-9/{len(film_bytes)}"
    assert rater.get("/rate/1/film", headers={"range": "bytes=0-1,4-5"}).status_code == 416
    assert rater.get("/rate/99/film").status_code == 404
    assert Visitor(organiser.place).get("/rate/1/film").status_code == 403


def test_links_out_of_the_folder_are_no_films(films: Path, film_bytes: bytes) -> None:
    outside = films.parent / "secret.mp4"
    outside.write_bytes(film_bytes)
    (films / "link.mp4").symlink_to(outside)
    (films / "fine.mp4").symlink_to(films / "a.mp4")
    found = Films(films).paths()
    assert "link" not in found
    assert "fine" in found


def test_a_host_that_others_see_must_be_trusted() -> None:
    check_host("127.0.0.1", trusted=False)
    check_host("0.0.0.0", trusted=True)
    with pytest.raises(CofinalError, match="i-trust-this-network"):
        check_host("0.0.0.0", trusted=False)
    with pytest.raises(CofinalError, match="no address"):
        check_host("example.org", trusted=True)
