"""Serving: the port is taken first, so that the address that is printed is one that answers."""

from __future__ import annotations

import ipaddress
import logging
import socket
import webbrowser
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.extras import import_extra

LOOPBACK = "127.0.0.1"


def check_host(host: str, trusted: bool) -> None:
    """Refuses to be seen by others unless that is said twice.

    Raises:
        CofinalError: as said.
    """
    if host == "localhost":
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError as error:
        raise CofinalError(
            f"--host {host} is no address; expected figures such as 192.168.1.20 or 0.0.0.0"
        ) from error
    if not trusted:
        raise CofinalError(
            f"--host {host} lets everyone in the network ask for films and marks, unencrypted; "
            "add --i-trust-this-network, or leave --host out"
        )


def listen(host: str, port: int) -> socket.socket:
    """Takes a port; 0 takes any that is free.

    Raises:
        CofinalError: it is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except (OSError, OverflowError) as error:
        taken.close()
        raise CofinalError(
            f"cannot listen on {host} port {port} ({error}); name another --port, or 0 for a free "
            "one"
        ) from error
    taken.listen(128)
    return taken


def is_news(record: logging.LogRecord) -> bool:
    """Whether a failure is one of the page, not of a caller who broke the protocol or went away."""
    error = record.exc_info[1] if record.exc_info else None
    return not type(error).__module__.startswith("h11")


def serve(
    folder: Path, host: str = LOOPBACK, port: int = 0, trusted: bool = False, browser: bool = True
) -> None:
    """Serves a folder until it is stopped.

    Args:
        folder: where the films are.
        host: address on which to listen.
        port: 0 for any that is free.
        trusted: whether others in the network may ask.
        browser: open the page in one.

    Raises:
        CofinalError: no folder, no port, or an address that others see without `trusted`.
    """
    uvicorn = import_extra("uvicorn", "the page is served by uvicorn", "page")
    import_extra("starlette", "the page is served with Starlette", "page")
    from cofinal.page.app import build_app, open_place

    check_host(host, trusted)
    place = open_place(folder)
    taken = listen(host, port)
    port = int(taken.getsockname()[1])
    shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/start/{place.token}"
    print(f"Films: {place.films.folder}\nPage:  {address}\nStop with Ctrl-C.", flush=True)
    if browser:
        webbrowser.open(address)
    settings = uvicorn.Config(
        build_app(place, port, trusted),
        log_level="error",
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=16 * 2**10,
        timeout_keep_alive=30,
        limit_concurrency=500,
        proxy_headers=False,
    )
    logging.getLogger("uvicorn.error").addFilter(is_news)
    uvicorn.Server(settings).run(sockets=[taken])
