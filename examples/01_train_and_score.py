"""Train on generated performances, then score one that training has not seen."""

import tempfile
from pathlib import Path

from cofinal import DataSource, Scorer, load_preset, override, train_model
from cofinal.generated.synthetic import generate, write_dataset


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        labels = write_dataset(Path(folder) / "data", generate(performances=60, channels=16))
        features = labels.parent / "features"
        # A preset is a starting point; any setting can be replaced.
        preset = override(load_preset("generated"), {"training.epochs": 15})
        outcome = train_model(DataSource(str(labels), features), preset, Path(folder) / "run")

        scorer = Scorer.load(outcome.model_folder)
        prediction = scorer.score(features / "p059.npy")
        for entry in prediction.targets:
            assert entry.grade_probabilities is not None and entry.attention is not None
            print(f"{entry.target}: {entry.score:.2f} points, grade {entry.grade}")
            chances = ", ".join(f"{chance:.2f}" for chance in entry.grade_probabilities)
            print(f"  grade probabilities, lowest first: {chances}")
            print(f"  the top grade's prototype looked most at clip {entry.attention[-1].argmax()}")


if __name__ == "__main__":
    main()
