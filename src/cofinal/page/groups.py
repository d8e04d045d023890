"""To which group a film belongs, such as its athlete or event; folds keep groups together."""

from __future__ import annotations

from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.files.tables import by_id, csv_records
from cofinal.page.store import Store
from cofinal.page.targets import check_name


def groups(store: Store) -> dict[str, str]:
    """Film -> group, for the films that have one."""
    with store.reading() as db:
        return {row["film"]: row["name"] for row in db.execute("SELECT film, name FROM groups")}


def set_group(store: Store, film: str, name: str) -> None:
    """Says to which group a film belongs; an empty name, to none.

    Raises:
        CofinalError: an unreadable name.
    """
    with store.writing() as db:
        if not name:
            db.execute("DELETE FROM groups WHERE film = ?", (film,))
            return
        check_name(name, "group")
        db.execute("REPLACE INTO groups VALUES (?, ?)", (film, name))


def read_groups(store: Store, path: Path) -> None:
    """Takes groups from a CSV with the columns id and group.

    Raises:
        CofinalError: an unreadable or faulty file.
    """
    for where, cells in by_id(csv_records(path, ("id", "group"))).values():
        if not cells["id"]:
            raise CofinalError(f"{where}: id is empty; fill it in")
        set_group(store, cells["id"], cells["group"])
