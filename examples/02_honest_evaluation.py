"""Compare two methods on folds that share no event, with intervals and paired differences."""

import tempfile

from cofinal import DataSource, Preset, ProtocolSettings, evaluate, load_dataset, load_preset
from cofinal.generated.synthetic import generate, write_dataset
from cofinal.methods.ridge import RidgeSettings


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        labels = write_dataset(folder, generate(performances=60, channels=16))
        dataset = load_dataset(DataSource(str(labels), labels.parent / "features"))
        protocol = ProtocolSettings("group", group="event", folds=3)
        cofinal = evaluate(dataset, load_preset("generated"), protocol)
        ridge = evaluate(dataset, Preset("ridge", RidgeSettings()), protocol)
        for result in (ridge, cofinal):
            print(result.method)
            print(result.table())
        errors = [abs(r.predictions[0] - dataset.scores).mean(axis=1) for r in (ridge, cofinal)]
        better = int((errors[1] < errors[0]).sum())
        print(f"cofinal is closer to the judges for {better} of {len(dataset)} performances")


if __name__ == "__main__":
    main()
