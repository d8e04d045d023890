"""A model folder as hubs of models expect it: a card with metadata, safetensors, configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cofinal.files.atomic import write_text
from cofinal.modelfolder.card import CARD, model_card
from cofinal.modelfolder.folder import load_model, save_model
from cofinal.modelfolder.info import ModelInfo, Quality

README = "README.md"


def publish(source: str | Path, folder: str | Path, licence: str | None = None) -> ModelInfo:
    """Lays a model out for a hub; `Scorer.load` takes such a folder.

    What a model folder holds of the training performances (their index, for explanations) stays
    behind.

    Args:
        source: the model folder.
        folder: where; made if missing.
        licence: of the model, as the hub names licences, for example "cc-by-4.0".

    Returns:
        What is known of the model.

    Raises:
        CofinalError: no model folder, or a folder that cannot be written to.
    """
    from cofinal.modelfolder.aligner import read_aligner

    model, info = load_model(source)
    card = front_matter(info, licence) + model_card(info, model, neighbours=False) + HOW_TO
    aligner = read_aligner(source, info)
    write_text(Path(folder) / README, card)  # first: with its configuration a folder is a model
    save_model(model, info, folder, aligner=aligner)
    (Path(folder) / CARD).unlink()  # the same without metadata
    return info


HOW_TO = """
## How to use it

```python
from cofinal import Scorer

scorer = Scorer.load("OWNER/NAME", download=True)
print(scorer.score("features.npy"))
```
"""


def front_matter(info: ModelInfo, licence: str | None = None) -> str:
    """The metadata of a card, between lines of dashes; JSON values, which YAML reads."""
    name = f"{info.preset.method} {info.trained_on.name or ''}".strip()
    known: dict[str, Any] = {
        **({"license": licence} if licence else {}),
        "library_name": "cofinal",
        "pipeline_tag": "video-classification",
        "tags": ["action-quality-assessment", info.preset.method, "cofinal"],
        "metrics": ["spearmanr", "mae"],
    }
    results = [result_of(row, info) for row in info.quality if row.srcc is not None]
    if results:
        known["model-index"] = [{"name": name, "results": results}]
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in known.items()]
    return "\n".join(["---", *lines, "---", "", ""])


def result_of(row: Quality, info: ModelInfo) -> dict[str, Any]:
    """What was measured of one target, as a hub's card tells it."""
    data = info.trained_on.name or "unknown"
    of = f"{row.target}, {row.category}" if row.category else row.target
    values = {"spearmanr": row.srcc, "mae": row.mae}
    return {
        "task": {"type": "video-classification", "name": "action quality assessment"},
        "dataset": {"name": data, "type": data, "config": of},
        "metrics": [
            {"type": kind, "name": f"{kind} {of}", "value": round(value, 4)}
            for kind, value in values.items()
            if value is not None
        ],
    }
