"""`cofinal report`: what pages, data and pictures hold, and how mistakes are refused."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from material import CLIP_FRAMES, FPS, HOSTILE, MARGIN_FRAMES, Material, brightness, data_of
from material import make_material as made
from material import report as run_report
from PIL import Image

from certain import certain
from cofinal.cli.main import main
from cofinal.cli.report import ReportCommand
from cofinal.config import DataSource
from cofinal.generated.encoding import import_av
from cofinal.modelfolder.neighbours import NEIGHBOURS
from cofinal.records import TargetPrediction
from cofinal.reports.drawing import evidence_bars, scale_over, spaced
from cofinal.reports.model_facts import model_facts
from cofinal.reports.page import render
from cofinal.reports.page_data import places
from cofinal.reports.sentences import DASH, MINUS
from cofinal.scorer import Scorer


@pytest.fixture(scope="module")
def material(generated_source: DataSource, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return made(generated_source, tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="module")
def page(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    run_report(material.model, material.features, *material.beside, "-o", path)
    return path


class Reader(HTMLParser):
    """Collects the tags and the text that people see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.seen: list[str] = []
        self.hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.hidden = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self.hidden = False

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.seen.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.seen).split())


def read(page: Path) -> Reader:
    return Reader(page.read_text(encoding="utf-8"))


def mistake(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Runs a report that must fail with one sentence, which is returned."""
    capsys.readouterr()
    assert main(["report", *map(str, arguments)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"cofinal: error: [^\n]+\n", captured.err)
    return captured.err


def test_a_page_says_what_the_scorer_says_and_what_is_known_beside(
    material: Material, page: Path
) -> None:
    text = read(page).text
    prediction = Scorer.load(material.model).score(material.features)
    for entry in prediction.targets:
        assert entry.interval is not None and entry.grade_probabilities is not None
        low, high = (f"{end:.2f}".replace("-", MINUS) for end in entry.interval)
        assert f"{entry.score:.2f} points , {low} to {high} (90 %)" in text
        assert f"The score lies in grade {entry.grade} of 4" in text
        assert f"{entry.place_words}. With " in text
        assert f"{entry.at_least:.0%}".replace("%", " %") + " it is grade" in text
        assert f"{entry.score:.2f} = " in text and "for an average performance" in text
    assert "3 judges gave 4.25 to 6.50, 2.25 points apart" in text
    assert "The official score is 5.12" in text
    assert "split leap" in text and "0:04 to 0:04" in text
    assert "It is not a judge's deduction." in text
    assert "learned from 14 performances" in text
    assert "Measured on the test split" in text


def test_every_clip_and_every_moment_is_a_button_that_knows_its_time(
    material: Material, page: Path
) -> None:
    data = data_of(page, material.model, material.features, *material.beside)
    (one,) = data["performances"]
    first, step = MARGIN_FRAMES / FPS, CLIP_FRAMES / FPS
    assert one["first_clip_seconds"] == pytest.approx(first)
    buttons = [attributes for tag, attributes in read(page).tags if tag == "button"]
    cells = [b for b in buttons if b.get("tabindex") is not None]
    assert len(cells) == material.clips * len(one["targets"])
    expected = [first + step * clip for clip in range(material.clips)] * len(one["targets"])
    assert [float(b["data-seconds"] or "") for b in cells] == pytest.approx(expected, abs=1e-3)
    assert [b["tabindex"] for b in cells].count("0") == len(one["targets"])
    moments = [m["start_seconds"] for target in one["targets"] for m in target["moments"]]
    told = [b["data-seconds"] for b in buttons if b.get("class") == "moment"]
    assert [float(seconds or "") for seconds in told] == pytest.approx(moments, abs=1e-3)


def test_data_hold_what_the_scorer_says_and_parse_from_the_screen(
    material: Material, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    run_report(material.model, material.features, "--format", "json")
    found = json.loads(capsys.readouterr().out)
    expected = Scorer.load(material.model).score(material.features).to_json()
    (one,) = found["performances"]
    assert one["id"] == "p031" and one["clips"] == material.clips
    for mine, theirs in zip(one["targets"], expected["targets"], strict=True):
        assert {name: mine[name] for name in theirs} == json.loads(json.dumps(theirs))
    assert found["model"]["calibrated_on"] == 10


SPANS = [(0, 2), (2, 3), (5, 8)]  # the clips whose middle is inside, or the nearest one


def test_elements_hold_the_sum_of_their_clips_votes(material: Material, page: Path) -> None:
    data = data_of(page, material.model, material.features, *material.beside)
    (one,) = data["performances"]
    text = read(page).text
    evidence = Scorer.load(material.model).explain(material.features).evidence
    for element, (first, last) in zip(one["elements"], SPANS, strict=True):
        for target, points in element["values"].items():
            votes_T = evidence.values_KT[evidence.row(target)]
            assert points == pytest.approx(votes_T[first:last].sum(), abs=1e-5)
            assert f"{points:+.2f}".replace("-", MINUS) in text
    assert "Elements at the sheet's times." in text


def test_occlusion_leaves_out_whole_elements(material: Material, page: Path) -> None:
    how = ("--method", "occlusion")
    (one,) = data_of(page, material.model, material.features, *material.beside, *how)[
        "performances"
    ]
    scorer, clips_TC = Scorer.load(material.model), np.load(material.features)
    for element, (first, last) in zip(one["elements"], SPANS, strict=True):
        without = scorer.score(np.delete(clips_TC, range(first, last), axis=0))
        for target, points in element["values"].items():
            lost = scorer.score(clips_TC)[target].score - without[target].score
            assert points == pytest.approx(lost, abs=1e-5)


def test_elements_without_times_are_placed_by_the_models_aligner(
    generated_source: DataSource, tmp_path: Path
) -> None:
    assert generated_source.data is not None
    order = tmp_path / "order.csv"
    lines = [f"p{n:03d},{name}" for n in range(32) for name in ("roll", "kip", "roll")]
    order.write_text("\n".join(["id,element", *lines]) + "\n")
    arguments = ["train", "--dataset", generated_source.dataset, "--method", "ridge"]
    assert main([*arguments, "--sheet", str(order), "--out", str(tmp_path / "run")]) == 0
    features = generated_source.data / "p031.npy"
    page = tmp_path / "page.html"
    run_report(tmp_path / "run" / "model", features, "--sheet", order, "-o", page)
    text = read(page).text
    assert "aligner places them, learned from order alone" in text
    assert re.search(r"2 kip 0:\d\d to 0:\d\d [+\u2212]", text)


def test_strangers_names_stay_text(material: Material, page: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "<b onclick=alert(1)>&\"'.npy"
    hostile.write_bytes(material.features.read_bytes())
    command = ReportCommand(material.model, (hostile,))
    made, _ = command.report(None)
    made = replace(made, model=replace(made.model, data=HOSTILE, method=HOSTILE, backbone=HOSTILE))
    for reader in (read(page), Reader(render(made))):
        assert sum(tag == "script" and "type" not in a for tag, a in reader.tags) == 1
        assert not [a for _, a in reader.tags if any(name.startswith("on") for name in a)]
        assert not [tag for tag, _ in reader.tags if tag == "b"]
    assert HOSTILE in read(page).text
    assert "<b onclick=alert(1)>&\"'" in reader.text


def test_a_page_needs_nothing_but_itself(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    outside = re.sub(
        r'<script type="text/plain"[^>]*>[^<]*</script>|base64,[A-Za-z0-9+/=]+', "", text
    )
    assert not re.search(r"https?:|url\(|@import|<link|<iframe", outside)
    assert not re.search(r'\s(?:src|href)="(?!data:|#)', outside)
    assert not re.search(r"<[^>]+\sstyle=", outside)  # the policy would refuse it
    (policy,) = (
        a["content"] or "" for tag, a in read(page).tags if tag == "meta" and "http-equiv" in a
    )
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["media-src"] == "blob:"
    for name, tag in (("script-src", "script"), ("style-src", "style")):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"


def test_the_film_in_the_page_is_the_file_and_pictures_are_of_their_moments(
    material: Material, page: Path
) -> None:
    text = page.read_text(encoding="utf-8")
    (held,) = re.findall(r'<script type="text/plain"[^>]*>([^<]*)</script>', text)
    assert base64.b64decode(held) == material.film.read_bytes()
    moments = re.findall(r'class="moment".*?data-seconds="([\d.]+)".*?base64,([^"]+)"', text, re.S)
    count = material.clips * CLIP_FRAMES + 2 * MARGIN_FRAMES
    told = Scorer.load(material.model).explain(material.features).targets
    lengths = [moment.clips for target in told for moment in target.moments]
    for (start, picture), clips in zip(moments, lengths, strict=True):
        middle = (float(start) + 0.5 * clips * CLIP_FRAMES / FPS) * FPS
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))))
        assert shown.mean() == pytest.approx(brightness(middle, count), abs=4)


def test_large_films_are_linked_and_those_no_browser_plays_are_pictures(
    material: Material, tmp_path: Path
) -> None:
    page = tmp_path / "pages" / "report.html"
    flags = [material.model, material.features, "-o", page]
    run_report(*flags, "--video", material.film, "--embed-video", "no")
    (video,) = (a for tag, a in read(page).tags if tag == "video")
    assert (page.parent / str(video["src"])).samefile(material.film)
    assert "must stay where it is" in read(page).text
    assert "media-src blob: 'self' file:" in html.unescape(page.read_text())
    avi = tmp_path / "p031.avi"
    write_avi(avi, material.clips * CLIP_FRAMES + 2 * MARGIN_FRAMES)
    run_report(*flags, "--video", avi)
    reader = read(page)
    assert "Browsers do not play files ending in .avi" in reader.text
    assert not [tag for tag, _ in reader.tags if tag == "video"]
    assert len([tag for tag, _ in reader.tags if tag == "img"]) > 8
    run_report(*flags)
    assert not [tag for tag, _ in read(page).tags if tag in ("img", "video")]


def write_avi(path: Path, count: int) -> None:
    av = import_av()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(count):
            grey = np.full((64, 96, 3), brightness(number, count), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))


def test_several_performances_are_ranked(
    material: Material, generated_source: DataSource, tmp_path: Path
) -> None:
    assert generated_source.data is not None
    files = [generated_source.data / f"p00{i}.npy" for i in range(1, 6)]
    page = tmp_path / "many.html"
    run_report(material.model, *files, "-o", page)
    data = data_of(page, material.model, *files)
    scorer = Scorer.load(material.model)
    scores = {path.stem: scorer.score(path)["execution"].score for path in files}
    ranking = data["ranking"]["execution"]
    assert [entry["id"] for entry in ranking] == sorted(scores, key=lambda i: -scores[i])
    reader = read(page)
    assert "5 performances" in reader.text and "the model does not tell these" in reader.text
    first = ranking[0]
    label = str(first["best"]) if first["best"] == first["worst"] else f"1{DASH}{first['worst']}"
    assert f"{label} {first['id']}" in reader.text
    ids = [a["id"] for _, a in reader.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    links = [str(a["href"]) for tag, a in reader.tags if tag == "a"]
    assert {link[1:] for link in links} <= set(ids)


def test_places_are_those_that_the_intervals_leave_possible() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        centre = np.sort(rng.normal(size=6))[::-1]
        half = rng.uniform(0.05, 0.8, size=6)
        low, high = centre - half, centre + half
        ranked = [
            TargetPrediction("t", certain(c), interval=(a, b))
            for c, a, b in zip(centre, low, high, strict=True)
        ]
        for i in range(6):
            others = np.arange(6) != i
            best = 1 + int((low[others] > high[i]).sum())  # I at my best, all others at their worst
            worst = 1 + int((high[others] >= low[i]).sum())
            assert places(ranked, i + 1) == (best, worst)
    assert places([TargetPrediction("t", certain(value)) for value in (2.0, 1.0)], 2) == (2, 2)


def test_a_picture_decodes(material: Material, tmp_path: Path) -> None:
    out = tmp_path / "report.png"
    run_report(material.model, material.features, *material.beside, "-o", out)
    with Image.open(out) as image:
        assert image.format == "PNG" and image.size[0] > 1000
    run_report(material.model, material.features, "-o", out, "--method", "attention")
    other = material.features.parent / "p002.npy"
    run_report(material.model, material.features, other, "-o", out)


def test_a_model_without_intervals_and_index_says_so(
    generated_source: DataSource, tmp_path: Path
) -> None:
    assert generated_source.data is not None
    arguments = ["train", "--dataset", generated_source.dataset, "--method", "ridge"]
    assert main([*arguments, "--targets", "execution", "--out", str(tmp_path / "run")]) == 0
    model = tmp_path / "run" / "model"
    (model / NEIGHBOURS).unlink()
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"measured": {}}))
    files = [generated_source.data / f"p00{i}.npy" for i in (1, 2)]
    for given in (files[:1], files):
        run_report(model, *given, "-o", tmp_path / "page.html")
        text = read(tmp_path / "page.html").text
        assert "No interval is known, because this model was not calibrated" in text
        assert "--calibration folds" in text
        assert "keeps no index" in text and "Not recorded" in text
        assert "The score lies in grade" in text  # every method is asked for grades
    assert "no interval is known and close scores may be in any order" in text


def test_people_are_warned_of_what_is_unlike_the_training_data_or_part_of_it(
    material: Material, tmp_path: Path
) -> None:
    odd, page = tmp_path / "odd.npy", tmp_path / "page.html"
    np.save(odd, np.load(material.features) + 4)
    run_report(material.model, odd, "-o", page)
    assert "This performance is unlike the training data." in read(page).text
    command = ReportCommand(material.model, tuple(sorted(material.features.parent.glob("*.npy"))))
    known = [one.trained_on for one in command.report(None)[0].performances]
    assert sum(one is not None for one in known) == 14  # the others were kept for calibration
    assert all(one is None or one.id == f"p{i:03d}" for i, one in enumerate(known))


def test_quality_without_a_test_split_is_that_of_the_calibration(material: Material) -> None:
    scorer = Scorer.load(material.model)
    facts = model_facts(scorer.model, replace(scorer.info, measured={}))
    calibration = scorer.info.calibration
    assert calibration is not None and facts.measured_on == "calibration"
    assert len(facts.quality) == len(calibration.held_out) == len(scorer.targets)
    for quality, held_out in zip(facts.quality, calibration.held_out, strict=True):
        assert (quality.srcc, quality.mae) == (held_out.srcc, held_out.mae)
        assert quality.performances == len(calibration)


def test_bars_reach_their_values_from_the_zero_line() -> None:
    value_T = np.array([0.4, -0.1, 0.0, 0.2])
    bars = evidence_bars(value_T, height=100)
    for box, value in zip(bars.boxes, value_T, strict=True):
        end = box.y if value > 0 else box.y + box.height
        assert end == pytest.approx(bars.zero - 200 * value)
    flat = evidence_bars(np.zeros(3), height=100)
    assert [box.height for box in flat.boxes] == [0, 0, 0] and flat.zero == 50


def test_numbers_under_a_scale_do_not_touch() -> None:
    edges = [0.0, 8.0, 8.1, 9.0, 9.9, 10.0]
    ticks = spaced(edges, scale_over(edges))
    assert ticks[0].label == "0.00" and ticks[-1].label == "10.00"
    assert min(np.diff([tick.x for tick in ticks])) >= 10


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--format", "png", "-o", "a.html"], "ends as html does, but --format is png"),
        (["-o", "-", "--format", "html"], "prints JSON only, not html"),
        (["-o", "FOLDER"], "is a folder; name a file"),
        (["-o", "FOLDER/other.html"], "exists and is no html report"),
        (["-o", "FEATURES"], "ends in .npy; expected .html, .json or .png"),
        (["--labels", "FOLDER/marks", "-o", "FOLDER/marks"], "is what the report is made from"),
        (["-o", "a.pdf"], "ends in .pdf; expected .html, .json or .png"),
        (["--video", "FOLDER/run"], "has no video p031.mp4"),
        (["FOLDER/p031.mp4", "--video", "FOLDER/p031.mp4"], "is one file for 2 performances"),
        (["--video", "FOLDER/none.mp4"], "does not exist; expected a video file"),
        (["--video", "FOLDER/judges.csv"], "is not a video that can be read"),
        (["--video", "FOLDER/short.mp4"], "has 2 clips, but the features p031 have"),
        (["--judges", "FOLDER/other.csv"], "has nothing on p031 (difficulty, execution)"),
        (["--judges", "FOLDER/sheet.csv"], "expected the columns id, judge, target, mark"),
        (["--labels", "FOLDER/none.csv"], "cannot read"),
        (["--labels", "FOLDER/text.csv"], "instead of 2"),
        (
            ["--sheet", "FOLDER/untimed.csv"],
            "nothing tells when the elements of 'p031' were performed",
        ),
        (["--sheet", "FOLDER/late.csv"], "'split leap' starts at 99 seconds, but the"),
        (["--sheet", "FOLDER/foreign.csv"], "the sheet has no elements of 'p031', only of p009"),
        (["--moments", "0"], "--moments is 0; expected 1 or more"),
        (["--confidence", "0.99"], "too few for confidence 0.99"),
        (["FEATURES"], "two performances are called 'p031'"),
    ],
)
def test_what_cannot_be_reported_gets_one_sentence(
    material: Material,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    sentence: str,
) -> None:
    folder = material.film.parent
    monkeypatch.chdir(tmp_path)
    if "short" in " ".join(flags):
        write_avi(folder / "short.mp4", 70)
    (folder / "other.html").write_text("<!doctype html>")
    (folder / "marks").write_text("id,execution\np031,5\n")
    (folder / "other.csv").write_text("id,judge,target,mark\np031,A,artistry,4\n")
    (folder / "text.csv").write_text("id,execution\np031,5,6\np002,5\n")
    (folder / "untimed.csv").write_text("id,element\np031,split leap\n")
    (folder / "late.csv").write_text("id,element,start,end\np031,split leap,99,100\n")
    (folder / "foreign.csv").write_text("id,element,start,end\np009,split leap,9,10\n")
    names = {"FOLDER": str(folder), "FEATURES": str(material.features)}
    given = [re.sub("FOLDER|FEATURES", lambda found: names[found[0]], flag) for flag in flags]
    assert sentence in mistake(capsys, material.model, material.features, *given)
    assert not list(tmp_path.iterdir())


def test_a_wrong_model_or_nothing_gets_one_sentence(
    material: Material, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is no model folder" in mistake(capsys, material.film.parent, material.features)
    assert "nothing to report on" in mistake(capsys, material.model)
    assert "cannot read" in mistake(capsys, material.model, "none.npy")


def test_a_missing_library_gets_one_sentence(
    material: Material,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    out = tmp_path / "page.html"
    text = mistake(capsys, material.model, material.features, "-o", out)
    assert "pages are written with Jinja2, which is not installed" in text
    assert not out.exists()


def test_a_report_replaces_a_report_alone(material: Material, tmp_path: Path) -> None:
    for name in ("report.html", "report.json", "report.png"):
        for _ in range(2):
            run_report(material.model, material.features, "-o", tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("report.html", "report.json", "report.png")
    ]
