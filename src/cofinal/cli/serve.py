"""`cofinal serve`: a page on which films are marked, raters compared and models trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from cofinal.errors import CofinalError
from cofinal.settings import Between


@dataclass(frozen=True)
class Serve:
    """Open a page on which people mark films, see whether they agree, and train a model.

    Films stay where they are. Marks are kept in one file in their folder, cofinal-marks.sqlite.
    Nothing is sent anywhere: the page is on this machine alone unless --host says otherwise.
    """

    films: tyro.conf.Positional[Path | None] = None
    """Folder of films."""
    demo: bool = field(default=False, kw_only=True)
    """Open films of generated routines, made in demo-films or in the folder given."""
    targets: Path | None = field(default=None, kw_only=True)
    """CSV of what is marked: target, lowest, highest, step; it can be set in the page, too."""
    groups: Path | None = field(default=None, kw_only=True)
    """CSV of each film's group, such as its athlete: id, group. Folds keep groups together."""
    port: Annotated[int, Between(0, 65_535)] = field(default=0, kw_only=True)
    """Port; any that is free if left out."""
    host: str = field(default="127.0.0.1", kw_only=True)
    """Address to listen on; others than this machine's own need --i-trust-this-network."""
    i_trust_this_network: bool = field(default=False, kw_only=True)
    """Yes, everyone in the network may reach the page; what is sent is not encrypted."""
    browser: bool = field(default=True, kw_only=True)
    """Open the page in a browser."""

    def run(self) -> int:
        """Serves until it is stopped."""
        from cofinal.page.server import check_host, serve

        check_host(self.host, self.i_trust_this_network)
        folder = self.folder()
        self.prepare(folder)
        serve(folder, self.host, self.port, self.i_trust_this_network, self.browser)
        return 0

    def folder(self) -> Path:
        """Where the films are; generated ones are made first."""
        if self.demo:
            from cofinal.page.demo import make_demo

            return make_demo(self.films or Path("demo-films"))
        if self.films is None:
            raise CofinalError(
                "no folder; name the one in which your films are, or add --demo for generated ones"
            )
        return self.films

    def prepare(self, folder: Path) -> None:
        """Takes targets and groups from files."""
        from cofinal.page.films import Films
        from cofinal.page.groups import read_groups
        from cofinal.page.store import Store
        from cofinal.page.targets import read_targets, set_targets

        if self.targets is None and self.groups is None:
            return
        store = Store(Films(folder).folder)
        if self.targets is not None:
            set_targets(store, read_targets(self.targets))
        if self.groups is not None:
            read_groups(store, self.groups)
        store.close()
