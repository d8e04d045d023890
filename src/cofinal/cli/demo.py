"""`cofinal demo`: the main job from end to end, from films to a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cofinal.config import (
    CalibrationSettings,
    DataSource,
    Preset,
    ProtocolSettings,
    load_preset,
    override,
)
from cofinal.errors import CofinalError
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.progress import track_trainings
from cofinal.settings import Between, Seed

if TYPE_CHECKING:
    from cofinal.evaluation.result import EvaluationResult
    from cofinal.workflows import Outcome

# A third of a second from clip to clip: an element lasts about two, a fault often less than one.
RECIPE = ExtractionRecipe("motion", clip_frames=16, stride_frames=8)
# Films of an event look alike, so that a quarter of the events must be new to the model.
EVENTS = 8


@dataclass(frozen=True)
class Demo:
    """Film judged routines, extract features, train CoFInAl, evaluate it, and report on one.

    The routines are generated, so that nothing is downloaded and everything is known of them.
    What a killed run has done is not done again.
    """

    out: Path = Path("demo")
    """Folder for everything the demo writes."""
    count: Annotated[int, Between(1, 10_000)] = 80
    """Number of films, 16 or more; a quarter of their events is held out at a time."""
    workers: Annotated[int | None, Between(1, 1024)] = None
    """Films at a time, each in a process of its own; as many as there are cores if left out."""
    seed: Seed = 0
    """Seed of the routines and of training."""

    def run(self) -> int:
        """Runs the demo; ends with a table and the paths of what was written."""
        if self.count < 2 * EVENTS:
            raise CofinalError(
                f"{self.count} films; the demo's {EVENTS} events need two each, so "
                f"{2 * EVENTS} or more"
            )
        self.films()
        self.features()
        outcome = self.training()
        measured = self.evaluation()
        self.example(outcome)
        self.report(outcome)
        print(f"\nAll {self.count} routines, each scored by a model that has not seen its event:\n")
        print(measured.table())
        print("\nWritten:")
        for what, path in (
            ("films", self.out / "routines" / "videos"),
            ("labels", self.labels),
            ("features", self.out / "features"),
            ("model", outcome.model_folder),
            ("result", self.out / "folds" / "result.json"),
            ("predictions", self.out / "folds" / "predictions.csv"),
            ("report", self.out / "report.html"),
        ):
            print(f"  {what.ljust(12)}{path}")
        return 0

    @property
    def labels(self) -> Path:
        """The scores of all routines."""
        return self.out / "routines" / "labels.csv"

    def cores(self) -> int:
        """Processes that work at a time."""
        from joblib import cpu_count

        return self.workers or int(cpu_count())

    def films(self) -> None:
        """Films the routines."""
        from cofinal.generated import generate_routines, write_routines

        print(f"Filming {self.count} generated routines ...", flush=True)
        routines = generate_routines(self.count, self.seed, events=EVENTS)
        write_routines(self.labels.parent, routines, workers=self.cores(), show_progress=True)

    def features(self) -> None:
        """Turns the films into clip features."""
        from cofinal.extraction.many import extract_many

        print("Extracting features of their motion ...", flush=True)
        videos, out = [self.labels.parent / "videos"], self.out / "features"
        extract_many(videos, out, RECIPE, workers=self.cores(), show_progress=True)

    @property
    def preset(self) -> Preset:
        """The method with its settings."""
        return override(load_preset("generated"), {"training.seed": self.seed})

    def training(self) -> Outcome:
        """Trains on three quarters of the events; the rest is new to the model that is kept."""
        from cofinal.workflows import train_and_test

        sheet = self.labels.with_name("sheets.json")
        source = DataSource(str(self.labels), self.out / "features", sheet=sheet)
        print(f"Training {self.preset.method} ...", flush=True)
        intervals = CalibrationSettings("folds", calibration_group="event")
        return train_and_test(source, self.preset, self.out / "run", calibration=intervals)

    def evaluation(self) -> EvaluationResult:
        """Measures on all events, a quarter of them at a time: on twenty films chance says most."""
        from cofinal.data.dataset import load_dataset
        from cofinal.evaluation.evaluate import evaluate

        dataset = load_dataset(DataSource(str(self.labels), self.out / "features"))
        protocol = ProtocolSettings("group", folds=4, group="event", include_test=True)
        with track_trainings("evaluating") as on_progress:
            return evaluate(dataset, self.preset, protocol, self.out / "folds", on_progress)

    def example(self, outcome: Outcome) -> None:
        """Scores a film that training has not seen."""
        from cofinal.cli.score import describe_prediction
        from cofinal.scorer import Scorer

        result = outcome.result
        assert result is not None
        print("\nOne routine that training has not seen:\n")
        features = self.out / "features" / f"{result.ids[0]}.npy"
        print(describe_prediction(Scorer.load(outcome.model_folder).score(features)))
        targets = [row.target for row in result.measures]
        given = zip(targets, result.scores[0], strict=True)
        print("  given by the judges: " + ", ".join(f"{name} {s:.2f}" for name, s in given))

    def report(self, outcome: Outcome) -> None:
        """Makes a page of the same film, with what its judges and its sheet say beside it."""
        from cofinal.cli.report import ReportCommand

        assert outcome.result is not None
        routines = self.labels.parent
        ReportCommand(
            outcome.model_folder,
            (self.out / "features" / f"{outcome.result.ids[0]}.npy",),
            out=self.out / "report.html",
            video=routines / "videos",
            judges=routines / "judges.csv",
            labels=self.labels,
            sheet=routines / "sheets.json",
        ).run()
