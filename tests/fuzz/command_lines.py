"""Command lines: sound ones with a word changed, left out, or put in; run in this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from films import film
from mutations import WORDS
from subjects import Subject
from tensor_readers import World, authors, contents

from cofinal.cli.main import COMMANDS, main
from cofinal.errors import CofinalError

TINY = (
    "--training.epochs 1 --training.members 1 --model.width 4 --model.heads 2 "
    "--model.principal-components 4 --model.sub-grades 4 --model.embedding-width 4 --model.grades 2"
)
DATA = "--dataset labels.csv --features features"
SOUND = (
    "score model features/{id}.npy",
    "score model features/{id}.npy --json --confidence 0.5",
    "score model a.mp4 --weights x.pth",
    "explain model features/{id}.npy",
    "explain model features/{id}.npy --method attention --json",
    f"data check {DATA}",
    f"data check {DATA} --json --targets execution",
    "data generate --out made --performances 8 --channels 4 --seed 1",
    "data routines --out films --count 2 --events 2 --width 32 --height 32",
    f"train {DATA} --out run {TINY}",
    f"evaluate {DATA} --method mean --protocol kfold --folds 2",
    f"evaluate {DATA} --method ridge --protocol group --group event --out run",
    f"benchmark {DATA} --methods mean ridge --protocols kfold --folds 2 --seeds 1 --out run",
    f"data audit {DATA} --folds 2 --repeats 1 --top 3",
    "agreement judges.csv",
    "extract a.mp4 --out clips --backbone motion --clip-frames 4",
    "import a.pkl --out imported",
    "tune --trials 1 --out run --method ridge-segments " + DATA,
)
JUDGES = b"id,judge,target,mark\n" + b"".join(
    b"%d,%s,score,%d\n" % (i, judge, i + j)
    for i in range(1, 6)
    for j, judge in enumerate((b"A", b"B"))
)

# No name of a place outside: whoever names one is obeyed.
NAMES = tuple(word for word in WORDS if word[:1] != "/" and ".." not in word)


@dataclass(frozen=True)
class CommandLines(Subject):
    """Command lines in a folder of sound files."""

    identifier: str = ""

    def write(self, rng: Random, folder: Path) -> None:
        """Writes the files, and the words of a spoilt command line."""
        for name, content in self.beside.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        words = rng.choice(SOUND).format(id=self.identifier).split()
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            self._spoil(rng, words)
        (folder / "words.json").write_text(json.dumps(words))

    def _spoil(self, rng: Random, words: list[str]) -> None:
        at = rng.randrange(len(words))
        way = rng.randrange(6)
        flags = [word for line in SOUND for word in line.split() if word.startswith("--")]
        if way < 3:
            words[at] = rng.choice((*NAMES, ".", "/dev/zero", "absent.csv", "features"))
        elif way == 3:
            del words[at]
            words.extend(["--help"] * (not words))
        elif way == 4:
            words.insert(at, rng.choice((*flags, *COMMANDS, "--help", "--seed=-1", "-x")))
        else:
            words.insert(at + 1, words[at])


def run_words(folder: Path) -> Any:
    """Runs the command line in its folder; what the program would print as a mistake is raised."""
    words = json.loads((folder / "words.json").read_text())
    before, out, err = os.getcwd(), io.StringIO(), io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = main(words)
            except SystemExit as stop:  # as after --help
                if stop.code:
                    raise
                status = 0
    finally:
        os.chdir(before)
    told = err.getvalue()
    if status:
        lines = [line for line in told.splitlines() if line.startswith("cofinal: error: ")]
        assert lines or out.getvalue() or "broken" in told, f"status {status}: {told!r}"
        error = CofinalError("")
        error.args = (lines[0] if lines else f"status {status}",)
        raise error
    return out.getvalue()


def check_output(folder: Path, text: str) -> None:
    """What is printed as JSON is JSON without NaN, and no text commands a terminal."""
    words = json.loads((folder / "words.json").read_text())
    own = any("\x1b" in word for word in words)
    assert own or "\x1b" not in text, "a terminal would obey this"
    if "--json" in words and "--help" not in words and "-h" not in words:
        json.loads(text, parse_constant=refuse_constant)


def refuse_constant(name: str) -> float:
    """Refuses NaN and infinity."""
    raise AssertionError(f"{name} in JSON")


def subjects(world: World) -> list[Subject]:
    """All commands."""
    files = {f"model/{name}": content for name, content in world.model.items()}
    for name, content in contents(world.place / "features").items():
        files[f"features/{name}"] = content
    files |= {"labels.csv": Path(world.source.dataset).read_bytes(), "judges.csv": JUDGES}
    files |= {"a.mp4": film("mp4"), "a.pkl": authors()}
    return [
        CommandLines(
            "command lines", {}, run_words, check_output, files, 15,
            identifier=world.dataset.ids[0],
        )
    ]  # fmt: skip
