"""Reports in a real browser: playing from the time line, keys, phones, dark rooms, paper."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from material import CLIP_FRAMES, FPS, MARGIN_FRAMES, Material, make_material, report
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from test_skeleton import followed

from browsers import CONTRAST, PATIENCE, look, needs_browser, open_browser
from cofinal.config import DataSource
from cofinal.generated.encoding import encoder
from cofinal.skeleton.keypoints import write_keypoints

pytestmark = needs_browser
FIRST, STEP = MARGIN_FRAMES / FPS, CLIP_FRAMES / FPS
# Playing goes on between a click and the look at the clock: slowly, as machines may be busy.
RATE, LATE = 0.0625, 0.4


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests of this file."""
    driver = open_browser(tmp_path_factory.mktemp("browser"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def material(generated_source: DataSource, tmp_path_factory: pytest.TempPathFactory) -> Material:
    if encoder() != "libx264":
        pytest.skip("FFmpeg was built without H.264, which browsers play")
    return make_material(generated_source, tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="module")
def page(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    report(material.model, material.features, *material.beside, "-o", path)
    return path


@pytest.fixture
def opened(browser: Any, page: Path) -> Any:
    """The browser with a fresh page, on a desk, by day."""
    look(browser, 1280)
    browser.get(page.as_uri())
    return browser


def ready(browser: Any) -> None:
    """Waits until the films can be played, and slows them down."""
    every = "return [...document.querySelectorAll('video')].every((v) => v.readyState >= 2)"
    WebDriverWait(browser, PATIENCE).until(lambda b: b.execute_script(every))
    slow = "for (const v of document.querySelectorAll('video')) v.playbackRate = arguments[0]"
    browser.execute_script(slow, RATE)


def position(browser: Any) -> float:
    """Where the film plays once it has got there, in seconds; below 0 if it does not play."""
    WebDriverWait(browser, PATIENCE).until(
        lambda b: not b.execute_script("return document.querySelector('video').seeking")
    )
    seconds: float = browser.execute_script(
        "const v = document.querySelector('video'); const now = v.paused ? -1 : v.currentTime;"
        "v.pause(); return now"
    )
    return seconds


def cells(browser: Any) -> list[Any]:
    """The time line's buttons of the open score."""
    found: list[Any] = browser.find_elements(By.CSS_SELECTOR, ".target:not([hidden]) .cells button")
    return found


DRAWN = """
const canvas = document.querySelector(".skeleton"), video = document.querySelector("video");
// The film fills one direction of its box and is centred in the other.
const scale = Math.min(canvas.width / video.videoWidth, canvas.height / video.videoHeight);
const x = canvas.width / 2 + scale * (arguments[0] - video.videoWidth / 2);
const y = canvas.height / 2 + scale * (arguments[1] - video.videoHeight / 2);
const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
const at = 4 * (Math.round(y) * canvas.width + Math.round(x));
return [data.filter((value, i) => i % 4 === 3 && value).length, ...data.slice(at, at + 4)];
"""


def test_whom_the_pose_backbone_followed_is_drawn_over_the_film_on_request(
    browser: Any, material: Material, tmp_path: Path
) -> None:
    features = tmp_path / material.features.name
    shutil.copy(material.features, features)
    shutil.copy(material.features.with_name("features.json"), tmp_path)
    write_keypoints(tmp_path / f"{features.stem}.keypoints.npz", followed())
    path = tmp_path / "report.html"
    report(material.model, features, "--video", material.film, "-o", path)
    look(browser, 1280)
    browser.get(path.as_uri())
    ready(browser)

    def drawn(seconds: float) -> list[int]:
        """Pixels drawn on, and red, green, blue and cover between the left shoulder and hip."""
        move = "document.querySelector('video').currentTime = arguments[0]"
        browser.execute_script(move, seconds)
        WebDriverWait(browser, PATIENCE).until(
            lambda b: not b.execute_script("return document.querySelector('video').seeking")
        )
        time.sleep(0.1)  # drawn by an event of the same moment
        # Landmarks 11 and 23 of a picture of 96 x 64, joint i at (i, i + 11).
        return list(browser.execute_script(DRAWN, 17, 28))

    box = browser.find_element(By.CSS_SELECTOR, ".skeleton-toggle input")
    assert box.is_selected()
    pixels, *colour = drawn(0.5)
    assert pixels > 100 and colour == [63, 217, 122, 255]
    assert drawn(0.09)[0] == 0  # nobody was found in the third frame
    box.click()
    assert drawn(0.5)[0] == 0
    box.send_keys(Keys.SPACE)
    assert drawn(0.5)[0] == pixels


def test_a_click_on_the_time_line_plays_from_there(opened: Any, material: Material) -> None:
    ready(opened)
    buttons = cells(opened)
    assert len(buttons) == material.clips
    for clip in (9, 2, 11, 0):
        ActionChains(opened).move_to_element(buttons[clip]).click().perform()
        assert 0 <= position(opened) - (FIRST + clip * STEP) < LATE
    opened.execute_script("document.querySelector('video').currentTime = 8")
    share = 100 * (8 - FIRST) / (STEP * material.clips)
    left = "return parseFloat(document.querySelector('.playhead').style.left)"
    WebDriverWait(opened, PATIENCE).until(lambda b: abs(b.execute_script(left) - share) < 0.01)


def test_moments_and_elements_play_from_their_start(opened: Any) -> None:
    ready(opened)
    for selector in (".target:not([hidden]) .moment", "button.time"):
        for button in opened.find_elements(By.CSS_SELECTOR, selector):
            button.click()
            start = float(button.get_attribute("data-seconds"))
            assert 0 <= position(opened) - start < LATE
    band = opened.find_elements(By.CSS_SELECTOR, ".element")[2]
    ActionChains(opened).move_to_element(band).click().perform()
    assert 0 <= position(opened) - 7 < LATE


def test_keys_are_enough(opened: Any) -> None:
    ready(opened)
    cells(opened)[0].send_keys(Keys.ARROW_RIGHT)
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT):
        opened.switch_to.active_element.send_keys(key)
    here = opened.switch_to.active_element
    assert here.get_attribute("data-clip") == "2" and here.get_attribute("tabindex") == "0"
    assert [b.get_attribute("tabindex") for b in cells(opened)].count("0") == 1
    readout = opened.find_element(By.CSS_SELECTOR, ".target:not([hidden]) .readout")
    assert readout.text == here.get_attribute("aria-label")
    here.send_keys(Keys.ENTER)
    assert 0 <= position(opened) - (FIRST + 2 * STEP) < LATE
    here.send_keys(Keys.END)
    assert opened.switch_to.active_element == cells(opened)[-1]
    moment = opened.find_element(By.CSS_SELECTOR, ".target:not([hidden]) .moment")
    moment.send_keys(Keys.SPACE)
    assert 0 <= position(opened) - float(moment.get_attribute("data-seconds")) < LATE
    tabs = opened.find_elements(By.CSS_SELECTOR, "[role=tab]")
    sections = opened.find_elements(By.CSS_SELECTOR, ".target")
    assert [s.is_displayed() for s in sections] == [True, False]
    tabs[0].send_keys(Keys.ARROW_RIGHT)
    assert [s.is_displayed() for s in sections] == [False, True]
    assert opened.switch_to.active_element == tabs[1]


def test_the_page_connects_to_nothing_and_complains_of_nothing(browser: Any, page: Path) -> None:
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(page.as_uri())
    ready(browser)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {
        e["params"]["request"]["url"] for e in events if e["method"].endswith("equestWillBeSent")
    }
    assert {url.split(":", 1)[0] for url in asked} <= {"file", "data", "blob"}
    assert [url for url in asked if url.startswith("file")] == [page.as_uri()]
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", [360, 390, 800])
def test_nothing_leaves_the_width_of_a_phone(browser: Any, page: Path, width: int) -> None:
    look(browser, width)
    browser.get(page.as_uri())
    for tab in browser.find_elements(By.CSS_SELECTOR, "[role=tab]"):
        tab.click()
        wide = "return [document.documentElement.scrollWidth, window.innerWidth]"
        found, allowed = browser.execute_script(wide)
        assert found <= allowed == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_by_day_and_by_night(opened: Any, scheme: str) -> None:
    look(opened, 1280, scheme)
    ground = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in ground.strip("rgb()").split(",")) / 3
    assert brightness > 200 if scheme == "light" else brightness < 60
    found = opened.execute_script(CONTRAST)
    assert len(found) > 80
    ratio, text = min(found)
    assert ratio >= 4.5, text


def test_paper_shows_every_score_and_no_film(opened: Any) -> None:
    look(opened, 1280, media="print")
    sections = opened.find_elements(By.CSS_SELECTOR, ".target")
    assert [s.is_displayed() for s in sections] == [True, True]
    assert not opened.find_element(By.CSS_SELECTOR, "video").is_displayed()
    assert opened.find_element(By.CSS_SELECTOR, ".moment img").is_displayed()
    assert len(opened.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 10_000


def test_everything_can_be_read_without_scripts(browser: Any, page: Path) -> None:
    look(browser, 1280)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(page.as_uri())
        sections = browser.find_elements(By.CSS_SELECTOR, ".target")
        assert [s.is_displayed() for s in sections] == [True, True]
        assert "needs scripts to play" in browser.find_element(By.TAG_NAME, "noscript").text
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_film_that_is_gone_is_told_and_the_rest_remains(
    browser: Any, material: Material, tmp_path: Path
) -> None:
    page, film = tmp_path / "report.html", tmp_path / material.film.name
    shutil.copy(material.film, film)
    given = [material.model, material.features, "--video", film, "--embed-video", "no"]
    report(*given, "-o", page)
    look(browser, 1280)
    browser.get(page.as_uri())
    ready(browser)  # beside the page it plays
    cells(browser)[5].click()
    assert 0 <= position(browser) - (FIRST + 5 * STEP) < LATE
    film.unlink()
    browser.get(page.as_uri())
    told = browser.find_element(By.CSS_SELECTOR, ".film-failed")
    WebDriverWait(browser, PATIENCE).until(lambda _: told.is_displayed())
    assert "is the file still beside this page?" in told.text
    browser.find_element(By.CSS_SELECTOR, ".moment").click()
    time.sleep(0.1)
    assert not browser.find_element(By.CSS_SELECTOR, "video").is_displayed()


def test_several_performances_each_have_their_film_and_time_line(
    browser: Any, material: Material, tmp_path: Path
) -> None:
    other = tmp_path / "p002.npy"
    shutil.copy(material.features, other)
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("p031.mp4", "p002.mp4"):
        shutil.copy(material.film, folder / name)
    page = tmp_path / "many.html"
    report(material.model, material.features, other, "--video", folder, "-o", page)
    look(browser, 1280)
    browser.get(page.as_uri())
    ready(browser)
    second = browser.find_elements(By.CSS_SELECTOR, ".performance")[1]
    button = second.find_elements(By.CSS_SELECTOR, ".target:not([hidden]) .cells button")[4]
    button.click()
    video = second.find_element(By.CSS_SELECTOR, "video")
    WebDriverWait(browser, PATIENCE).until(lambda _: video.get_property("currentTime") > 0)
    assert 0 <= video.get_property("currentTime") - (FIRST + 4 * STEP) < LATE
    assert browser.execute_script("return document.querySelector('video').currentTime") == 0
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
