"""Whoever opens the page in tests."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from cofinal.page.access import Place
from cofinal.page.app import build_app

PORT = 8765
ORIGIN = f"http://127.0.0.1:{PORT}"


class Visitor(TestClient):
    """A browser with cookies of its own, at the page's address."""

    def __init__(self, place: Place) -> None:
        super().__init__(build_app(place, PORT), base_url=ORIGIN)
        self.place = place

    def tell(self, address: str, value: Any) -> Any:
        """Sends JSON as the page's own scripts do."""
        return self.post(address, json=value, headers={"origin": ORIGIN})

    def invite(self, name: str, repeat_share: float = 0.0) -> Visitor:
        """As the organiser: adds a rater; gives the browser in which their link was opened."""
        told = self.tell("/raters", {"name": name, "repeat_share": repeat_share})
        assert told.status_code == 200, told.text
        rater = Visitor(self.place)
        rater.get(told.json()["link"])
        return rater

    def mark(self, position: int, mark: float | None, target: str = "score") -> Any:
        """As a rater: marks a film."""
        return self.tell(f"/rate/{position}/mark", {"target": target, "mark": mark})
