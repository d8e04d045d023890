"""`cofinal publish`: a model folder as hubs of models expect it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Publish:
    """Lay a model out for a hub: a card with metadata, safetensors, configuration.

    The index of the training performances stays behind. `cofinal score FOLDER` takes what is
    written, and OWNER/NAME once it is on the hub.
    """

    model: tyro.conf.Positional[Path]
    """Model folder."""
    folder: tyro.conf.Positional[Path]
    """Folder to write; its files are then put on the hub by the hub's own tools."""
    licence: str | None = field(default=None, kw_only=True)
    """Licence of the model, as the hub names licences, for example cc-by-4.0."""

    def run(self) -> int:
        """Writes, and says what is left to do."""
        from cofinal.modelfolder.publishing import publish

        info = publish(self.model, self.folder, self.licence)
        print(f"{info.preset.method} for {', '.join(info.task.targets)} written to {self.folder}")
        if self.licence is None:
            print("Its card names no licence; add one with --licence before others use it.")
        return 0
