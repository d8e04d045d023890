"""Memory of training: the largest resident memory of a process, less what its imports take.

    python benchmarks/memory.py --data FOLDER_OF_FISV
    python benchmarks/memory.py --data FOLDER_OF_FISV --large FOLDER_FOR_8_GB

Each training runs in a process of its own. `--large` writes generated features of 5,000
performances (780 clips of 1024 channels; 8 GB as float16, 16 GB as float32) to a folder, trains on
them for one epoch with features left on disk, and removes them. Another version's memory is
measured by this same file with that version first on PYTHONPATH.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import tyro

HERE = Path(__file__).parent
MB = 1e6
LARGE = (5000, 780, 1024)
# What one training is: name, method, members, epochs.
ON_FISV = [("ridge", 1, 1), ("usdl", 4, 2), ("cofinal", 4, 2), ("gdlt", 1, 1)]
ON_LARGE = [("cofinal", 1, 1)]


@dataclass
class Arguments:
    """Measure the memory of training."""

    data: Path
    """Folder of Fis-V."""
    out: Path = HERE / "memory.json"
    """The result."""
    large: Path | None = None
    """Folder for the large generated set; it is removed afterwards. Not measured if left out."""
    performances: int = LARGE[0]
    """Performances of the large set."""
    child: str | None = None
    """Used by this program itself: the one training of this process, as JSON."""


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB


def measured(source: tuple[str, str], method: str, members: int, epochs: int) -> dict[str, object]:
    """Trains once; memory and time."""
    from cofinal import DataSource, load_dataset, load_preset, train
    from cofinal.config import method_preset
    from cofinal.models import method_class

    method_class(method)  # imports what the method needs
    import_module("torch._dynamo")  # building an optimizer imports it

    imports, started = peak_mb(), time.perf_counter()
    dataset = load_dataset(DataSource(source[0], Path(source[1])))
    preset = method_preset(method, load_preset("fisv"))
    training = replace(preset.training, members=members, epochs=epochs)
    train(dataset, replace(preset, training=training), show_progress=False)
    as_float32 = sum(values.size for values in dataset.clips) * 4 / MB
    above = peak_mb() - imports
    return {
        "method": method,
        "members": members,
        "epochs": epochs,
        "features_float32_mb": round(as_float32),
        "imports_mb": round(imports),
        "peak_above_imports_mb": round(above),
        "times_the_features": round(above / as_float32, 2),
        "seconds": round(time.perf_counter() - started, 1),
    }


def in_a_process(arguments: Arguments, *training: object) -> dict[str, object]:
    """`measured` in a process of its own."""
    command = [sys.executable, __file__, "--data", str(arguments.data)]
    command += ["--child", json.dumps(training)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, object] = json.loads(run.stdout.splitlines()[-1])
    print(json.dumps(found), flush=True)
    return found


def write_large(folder: Path, performances: int) -> Path:
    """Features whose mean in each performance carries its scores, under noise; one at a time."""
    rng = np.random.default_rng(0)
    _, clips, channels = LARGE
    directions_KC = rng.normal(size=(2, channels)).astype(np.float32)
    (folder / "features").mkdir(parents=True)
    lines = ["id,TES,PCS,split"]
    for i in range(performances):
        level_K = rng.normal(size=2).astype(np.float32)
        values = rng.standard_normal((clips, channels), np.float32) + 0.1 * level_K @ directions_KC
        np.save(folder / "features" / f"p{i}.npy", values.astype(np.float16))
        tes, pcs = 30 + 8 * level_K
        lines.append(f"p{i},{tes:.2f},{pcs:.2f},train")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder / "labels.csv"


def main(arguments: Arguments) -> None:
    """Measures all trainings and writes the result."""
    if arguments.child:
        print(json.dumps(measured(*json.loads(arguments.child))))
        return
    found: dict[str, object] = {
        "fisv": [in_a_process(arguments, ("fisv", str(arguments.data)), *one) for one in ON_FISV]
    }
    if arguments.large:
        labels = write_large(arguments.large, arguments.performances)
        source = (str(labels), str(arguments.large / "features"))
        try:
            found["large"] = [in_a_process(arguments, source, *one) for one in ON_LARGE]
        finally:
            shutil.rmtree(arguments.large)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
