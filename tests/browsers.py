"""A real browser without a window, for tests of pages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium", reason="pages are tested with Selenium")
from selenium import webdriver

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="no chromium and chromedriver on this machine"
)
FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--mute-audio"),
]
PATIENCE = 20
# Contrast of every text that is shown with its ground, with the text.
CONTRAST = """
const rgb = (text) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = (c) => c.slice(0, 3).map((v) => v / 255)
  .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ground = (e) => {
  for (; e; e = e.parentElement) {
    const found = rgb(getComputedStyle(e).backgroundColor);
    if (found[3] === 255) return found;
  }
  return [255, 255, 255];
};
const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
const found = [];
while (walker.nextNode()) {
  const e = walker.currentNode.parentElement;
  const shown = e.checkVisibility() && !e.closest("script, title");
  if (!shown || !walker.currentNode.data.trim()) continue;
  const style = getComputedStyle(e);
  const [a, b] = [light(rgb(e.closest("svg") ? style.fill : style.color)), light(ground(e))];
  found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), walker.currentNode.data.trim()]);
}
return found;
"""


def open_browser(profile: Path) -> Any:
    """A browser with a fresh profile, kept in a folder."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # A path is given, so that Selenium has no reason to download a driver.
    service = webdriver.ChromeService(executable_path=DRIVER)
    return webdriver.Chrome(options=options, service=service)


def look(browser: Any, width: int, scheme: str = "light", media: str = "") -> None:
    """Sets how wide the window is, and which kind of screen or paper."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
