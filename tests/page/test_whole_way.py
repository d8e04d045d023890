"""The whole way in a real browser, as two raters and an organiser go it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from browsers import CONTRAST, PATIENCE, look, needs_browser, open_browser
from cofinal.data.judges import judge_marks
from cofinal.generated import FilmSettings, generate_routines, write_routines
from cofinal.generated.encoding import encoder
from cofinal.page.access import Place
from cofinal.page.app import build_app, open_place
from cofinal.page.moments import all_moments
from cofinal.page.raters import raters, tasks
from cofinal.page.server import LOOPBACK, listen

uvicorn = pytest.importorskip("uvicorn", reason="the page is served by uvicorn")
pytestmark = needs_browser
PASSING = (NoSuchElementException, StaleElementReferenceException)
MARKED, TRAINING_PATIENCE = 8, 600
PATHS = ("/", "/agreement", "/ranking", "/export", "/model", "/rate/1", "/compare", "/done")
# What a screen reader would have no name for.
UNNAMED = """
return [...document.querySelectorAll("input, select, button, progress, video, img")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.ariaLabel || e.labels?.length || e.alt || e.textContent.trim()))
  .map((e) => e.outerHTML);
"""


@dataclass
class Visit:
    """A browser at the page."""

    browser: Any
    address: str
    place: Place

    def go(self, path: str) -> None:
        """Opens a page."""
        self.browser.get(self.address + path)

    def one(self, css: str) -> Any:
        """The first element that a selector names."""
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def until(self, holds: Callable[[Any], Any], patience: float = PATIENCE) -> Any:
        """Waits until something holds."""
        # A page that is just left is asked again.
        wait = WebDriverWait(self.browser, patience, ignored_exceptions=PASSING)
        return wait.until(holds)

    def until_path(self, path: str) -> None:
        """Waits until a page is there and its script has run."""
        self.until(lambda b: b.current_url == self.address + path)
        self.until(lambda b: b.execute_script("return document.readyState === 'complete'"))


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """A served folder of nine small generated films, and a browser."""
    if encoder() != "libx264":
        pytest.skip("FFmpeg was built without H.264, which browsers play")
    folder = tmp_path_factory.mktemp("routines")
    routines = generate_routines(MARKED + 1, seed=5, events=3)
    write_routines(folder, routines, FilmSettings(96, 72, 10))
    place = open_place(folder / "videos")
    socket = listen(LOOPBACK, 0)
    port = int(socket.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(build_app(place, port), log_level="error"))
    thread = threading.Thread(target=server.run, args=([socket],))
    thread.start()
    browser = open_browser(tmp_path_factory.mktemp("browser"))
    look(browser, 1280)
    try:
        yield Visit(browser, f"http://{LOOPBACK}:{port}", place)
    finally:
        browser.quit()
        server.should_exit = True
        thread.join()
        socket.close()


def given(film: str, rater: str) -> float:
    """What a rater gives a film: the same order, Ben half a point more."""
    return 2 + 0.5 * int(film[1:]) + (0.5 if rater == "Ben" else 0)


def test_the_organiser_sets_up(visit: Visit) -> None:
    visit.go(f"/start/{visit.place.token}")
    assert visit.browser.current_url == f"{visit.address}/"
    visit.one("#targets .main").click()
    visit.until(lambda _: visit.one("#notice").text == "Saved.")
    for name in ("Ana", "Ben"):
        before = len(visit.browser.find_elements(By.CSS_SELECTOR, ".here"))
        visit.one("#invite [name=name]").send_keys(name, Keys.ENTER)
        visit.until(lambda b, n=before: len(b.find_elements(By.CSS_SELECTOR, ".here")) == n + 1)
    assert "hidden repeats" in visit.one("#raters").text


@pytest.mark.parametrize("name", ["Ana", "Ben"])
def test_a_rater_marks_by_keys_alone(visit: Visit, name: str) -> None:
    link = next(one for one in raters(visit.place.store) if one.name == name)
    visit.go(f"/join/{link.token}")
    films = tasks(visit.place.store, link, list(visit.place.films.paths()))
    last = sorted({task.film for task in films})[-1]  # the new film, which is not marked
    for task in films:
        visit.until_path(f"/rate/{task.position}")
        field = visit.browser.switch_to.active_element
        assert field.get_attribute("data-target") == "score"
        if task.position == 1:
            mark_moments(visit, field)
        if task.film == last:
            field.send_keys("n")
        else:
            field.send_keys(f"{given(task.film, name):g}", Keys.ENTER)
    visit.until_path("/done")
    rest = len([task for task in films if task.film == last])
    assert visit.one("h1").text == f"{rest} film{'' if rest == 1 else 's'} to go"


def mark_moments(visit: Visit, field: Any) -> None:
    """A moment and an element while the film plays, then a picture on, slower, a loop."""
    video = "document.querySelector('video')"
    visit.until(lambda b: b.execute_script(f"return {video}.readyState >= 3"))
    field.send_keys(" ")
    visit.until(lambda b: b.execute_script(f"return {video}.currentTime > 0.3"))
    field.send_keys("m", "e")
    begun = visit.browser.execute_script(f"return {video}.currentTime")
    visit.until(lambda b: b.execute_script(f"return {video}.currentTime > {begun} + 0.4"))
    field.send_keys("e", " ")
    visit.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, "#moments li")) == 2)
    here = visit.browser.execute_script(f"return Math.floor({video}.currentTime * 10 + 0.001)")
    visit.one("[data-do=on]").click()
    visit.until(
        lambda b: b.execute_script(f"return Math.floor({video}.currentTime * 10 + 0.001)") > here
    )
    visit.one("[data-do=slower]").click()
    assert visit.browser.execute_script(f"return {video}.playbackRate") == 0.75
    name = visit.one("#moments li input")
    name.send_keys(Keys.CONTROL + "a")
    name.send_keys(Keys.BACKSPACE, Keys.ENTER)
    assert name.get_property("value") == "moment"  # a name cannot be taken away
    name.send_keys(Keys.CONTROL + "a")
    name.send_keys("split leap", Keys.ENTER)
    visit.until(lambda _: "split leap" in {one.name for one in all_moments(visit.place.store)})
    field.click()


def test_marks_moments_and_agreement_are_there(visit: Visit) -> None:
    visit.go("/agreement")
    text = visit.one("main").text
    assert f"score: {MARKED} films, 2 raters" in text
    assert "Ben gives 0.50 points more than Ana on average" in text
    assert "twice unawares" in text
    drawn = "return document.querySelector('figure img').naturalWidth > 0"
    visit.until(lambda b: b.execute_script(drawn))
    judged = judge_marks(visit.place.out / "judges.csv")
    for film, row in zip(judged.ids, judged.marks["score"], strict=True):
        assert list(row) == [given(film, "Ana"), given(film, "Ben")]
    moments = all_moments(visit.place.store)
    assert {one.judge for one in moments} == {"Ana", "Ben"}
    assert sum(one.end is not None for one in moments) == 2


def test_a_pair_is_compared(visit: Visit) -> None:
    visit.go("/compare")
    visit.until(lambda b: b.execute_script("return document.readyState === 'complete'"))
    before = visit.one("[data-side=left]").get_attribute("data-position")
    visit.one("body").send_keys(Keys.ARROW_LEFT)
    visit.until(lambda _: "1 compared" in visit.one("header").text)
    visit.one("#before").click()
    visit.until(lambda _: visit.one("[data-side=left]").get_attribute("data-position") == before)
    visit.go("/ranking")
    assert "1 comparison of 1 rater" in visit.one("main").text


@pytest.mark.parametrize(
    "path", ["/", "/agreement", "/ranking", "/export", "/model", "/rate/1", "/done"]
)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_fit_and_can_be_read(visit: Visit, path: str, width: int, scheme: str) -> None:
    look(visit.browser, width, scheme)
    visit.go(path)
    visit.until(lambda b: b.execute_script("return document.readyState === 'complete'"))
    wide = "return document.documentElement.scrollWidth"
    assert visit.browser.execute_script(wide) <= width
    found = visit.browser.execute_script(CONTRAST)
    assert found
    assert [entry for entry in found if entry[0] < 4.5] == []
    assert visit.browser.execute_script(UNNAMED) == []
    look(visit.browser, 1280)


@pytest.mark.slow
def test_a_model_is_trained_and_its_report_opened(visit: Visit) -> None:
    visit.go("/model")
    visit.until(lambda b: b.execute_script("return document.readyState === 'complete'"))
    Select(visit.one("[name=backbone]")).select_by_value("motion")
    visit.one("#train .main").click()
    visit.until(lambda _: visit.one("#job").is_displayed())
    visit.until(lambda b: b.find_elements(By.ID, "scores"), TRAINING_PATIENCE)
    text = visit.one("main").text
    assert "Asked about films that it had not learned from" in text
    assert "Eight films are too few" in text or "eight films are too few" in text
    (new,) = [
        row
        for row in visit.browser.find_elements(By.CSS_SELECTOR, "#scores tbody tr")
        if "new" in row.text
    ]
    film = new.find_element(By.TAG_NAME, "th").text.split()[0]
    visit.until(lambda b: b.execute_script("return document.readyState === 'complete'"))
    new.find_element(By.CSS_SELECTOR, ".report").click()
    visit.until(lambda b: b.current_url.endswith(f"/model/report/{film}"), TRAINING_PATIENCE)
    assert film in visit.one("h1, h2").text
    ready = "const v = document.querySelector('video'); return v && v.readyState >= 2"
    visit.until(lambda b: b.execute_script(ready))
    visit.go("/agreement")
    assert "The model as one more judge" in visit.one("main").text


def test_nothing_went_wrong_on_the_way(visit: Visit) -> None:
    """The browser tells blocked scripts and styles, and whatever a script did not expect."""
    told = [entry["message"] for entry in visit.browser.get_log("browser")]
    assert told == []
    hosts = {visit.address}
    for entry in visit.browser.get_log("performance"):
        message = entry["message"]
        if '"Network.requestWillBeSent"' in message and '"url":"http' in message:
            url = message.split('"url":"')[1].split('"')[0]
            hosts.add("/".join(url.split("/")[:3]))
    assert hosts == {visit.address}
