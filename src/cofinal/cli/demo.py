"""`cofinal demo`: the main job from end to end on generated performances."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Demo:
    """Generate performances, train CoFInAl, evaluate on held-out ones, and score one."""

    out: Path = Path("demo")
    """Folder for everything the demo writes."""
    seed: int = 0
    """Seed of the generated performances and of training."""

    def run(self) -> int:
        """Runs the demo; ends with a table and the paths of what was written."""
        from cofinal.cli.score import describe
        from cofinal.config import DataSource, load_preset, override
        from cofinal.data.synthetic import generate, write_dataset
        from cofinal.fitting import train_model
        from cofinal.scorer import Scorer

        labels = write_dataset(self.out / "data", generate(seed=self.seed))
        source = DataSource(str(labels), labels.parent / "features")
        preset = override(load_preset("generated"), {"training.seed": self.seed})
        print(f"Training {preset.method} on generated performances ...", flush=True)
        outcome = train_model(source, preset, self.out / "run")
        assert outcome.result is not None
        example = labels.parent / "features" / f"{outcome.result.ids[0]}.npy"
        print("\nOne performance that training has not seen:\n")
        print(describe(Scorer.load(outcome.model_folder).score(example)))
        targets = [cell.target for cell in outcome.result.cells]
        given = zip(targets, outcome.result.scores[0], strict=True)
        marks = ", ".join(f"{target} {score:.2f}" for target, score in given)
        print(f"  given by the judges: {marks} points\n")
        print(f"All {len(outcome.result.ids)} held-out performances:\n")
        print(outcome.result.table())
        print("\nWritten:")
        for what, path in (
            ("data", labels.parent),
            ("model", outcome.model_folder),
            ("result", self.out / "run" / "result.json"),
            ("predictions", self.out / "run" / "predictions.csv"),
        ):
            print(f"  {what.ljust(12)}{path}")
        return 0
