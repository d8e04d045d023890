"""Find faults in one's own data before training: here two are planted."""

import tempfile
from pathlib import Path

from cofinal import DataSource, check_dataset, generate, write_dataset


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        labels = write_dataset(folder, generate(performances=20, channels=16))
        features = labels.parent / "features"
        (features / "p003.npy").write_bytes((features / "p003.npy").read_bytes()[:500])
        lines = labels.read_text().splitlines()
        lines[8] = lines[8].replace(".", ",", 1)
        Path(labels).write_text("\n".join(lines))
        for finding in check_dataset(DataSource(str(labels), features)):
            print(f"{finding.severity}: {Path(finding.file).name}:{finding.line} {finding.kind}")


if __name__ == "__main__":
    main()
