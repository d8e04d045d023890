"""What every request must pass: whom it addresses, where it comes from, how large it is.

A page of a stranger in the same browser can send requests here. It cannot set the Host header to an
address, nor hide its Origin, nor send the cookie; each is checked. Answers forbid scripts, styles,
films and connections of anywhere else.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST")
# Sheets and tables of other programs are the largest that people send.
LARGEST_BODY = 4 * 2**20
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
log = logging.getLogger(__name__)


class Guard:
    """Stands before the application.

    Args:
        app: what is guarded.
        port: on which it listens.
        open_to_network: whether other machines may ask, under this machine's names.
    """

    def __init__(self, app: ASGIApp, port: int, open_to_network: bool = False) -> None:
        self.app, self.port, self.open = app, port, open_to_network
        names = {"localhost"}
        if open_to_network:
            own = socket.gethostname().lower()
            names |= {own, f"{own}.local", socket.getfqdn().lower()}
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through or answers it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message)
            await send(message)

        refusal = self.refusal(scope)
        try:
            if refusal is None:
                await self.app(scope, receive, answer)
                return
        except Exception:
            log.exception("a request failed")
            if started:
                raise
            refusal = 500, "Something went wrong here; the terminal tells what. Reload the page."
        status, sentence = refusal
        await PlainTextResponse(sentence, status)(scope, receive, answer)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and sentence for a request that must not pass; None for one that may."""
        headers = _headers(scope)
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not self.knows(hosts[0]):
            return 421, "This page answers only at its own address; open the one it was given."
        if scope["method"] not in METHODS:
            return 405, f"Expected one of {', '.join(METHODS)}."
        if not self._from_here(scope, headers, hosts[0]):
            return 403, "Another page asked for this; open the page itself."
        length = headers.get("content-length", ["0"])
        if len(length) != 1 or not length[0].isdecimal() or int(length[0][:20]) > LARGEST_BODY:
            return 413, f"That is too much; at most {LARGEST_BODY // 2**20} MB are taken."
        return None

    def knows(self, host: str) -> bool:
        """Whether a Host header names this page.

        A name can be made to lead here by whoever owns it, an address in figures cannot.
        """
        try:
            parts = urlsplit(f"http://{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if parts.netloc != host or "@" in host or port != self.port:
            return False
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name.lower() in self.names
        return self.open or address.is_loopback

    def _from_here(self, scope: Scope, headers: dict[str, list[str]], host: str) -> bool:
        """Whether a page of this address, or a person, asked."""
        own = f"{scope.get('scheme', 'http')}://{host}"
        origins = headers.get("origin", [])
        if any(origin != own for origin in origins):
            return False
        if scope["method"] == "POST":
            return len(origins) == 1
        site = headers.get("sec-fetch-site", ["none"])
        if site in (["none"], ["same-origin"]):
            return True
        # A link in a letter may lead here; nothing else of elsewhere may.
        return headers.get("sec-fetch-mode") == ["navigate"] and headers.get("sec-fetch-dest") == [
            "document"
        ]


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _add_headers(message: MutableMapping[str, Any]) -> None:
    there = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [
        *message["headers"],
        *(
            (name.encode(), value.encode())
            for name, value in HEADERS.items()
            if name.encode() not in there
        ),
    ]
