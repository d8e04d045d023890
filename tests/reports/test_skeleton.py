"""The person that was followed, over the film of a page, and told where a score is printed."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from material import Material, make_material, report

from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.reports.skeleton import skeleton_lines
from cofinal.skeleton.joints import LAYOUTS
from cofinal.skeleton.keypoints import Keypoints, write_keypoints


def followed() -> Keypoints:
    """Thirty frames of 96 x 64; in the third nobody was found."""
    places = np.tile(np.arange(33.0)[:, None], (30, 1, 2)) + np.array([0.4, 10.6])
    places[2] = np.nan
    shown = np.isfinite(places[..., 0]).astype(float)
    joints = LAYOUTS["mediapipe"]
    return Keypoints(places, shown, np.arange(30) / 25, joints, picture=(96, 64))


def test_lines_hold_whole_pixels_and_leave_out_whoever_was_not_found() -> None:
    told = json.loads(skeleton_lines(followed()) or "")
    assert told["size"] == [96, 64] and told["seconds"][:3] == [0.0, 0.04, 0.08]
    assert told["frames"][2] is None
    # The head is landmark 0, the left shoulder 11.
    assert told["frames"][0][:4] == [0, 11, 11, 22]
    assert len(told["bones"]) == 14 and [1, 2] in told["bones"]
    assert skeleton_lines(replace(followed(), picture=None)) is None


@pytest.fixture
def material(generated_source: DataSource, tmp_path: Path) -> Material:
    """Material whose features have keypoints beside them."""
    folder = tmp_path / "data"
    shutil.copytree(generated_source.data or "", folder)
    write_keypoints(folder / "p031.keypoints.npz", followed())
    described = json.loads((folder / "features.json").read_text())
    described["videos"] = {"p031": {"found_share": 0.45}}
    (folder / "features.json").write_text(json.dumps(described))
    return make_material(replace(generated_source, data=folder), tmp_path)


def test_page_and_score_tell_whom_they_followed(
    material: Material, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    report(material.model, material.features, "--video", material.film, "--out", page)
    (held,) = re.findall(r'class="skeleton-lines">(.*?)</script>', page.read_text())
    assert len(json.loads(held)["frames"]) == 30
    assert page.read_text().count('type="checkbox" checked') == 1
    material.features.with_name("p031.keypoints.npz").unlink()
    report(material.model, material.features, "--video", material.film, "--out", page)
    assert "skeleton-lines" not in page.read_text().replace('".skeleton-lines"', "")
    capsys.readouterr()
    assert main(["score", str(material.model), str(material.features)]) == 0
    said = capsys.readouterr().err
    assert "warning: in p031 the person was found in only 45% of the frames" in said
