"""What a search of settings found, with everything to repeat it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from cofinal.config import Preset, override, preset_text
from cofinal.config.search import setting
from cofinal.errors import CofinalError
from cofinal.files.atomic import write_json, write_text
from cofinal.files.tables import aligned

HEADS = {"srcc": "SRCC", "r_l2": "R-l2 x100"}
# Trials listed in the table.
TRIALS_SHOWN = 10


@dataclass(frozen=True)
class Trial:
    """One set of settings and what came of it."""

    number: int
    """1 is the preset itself."""
    outcome: str
    """"complete", "stopped early" or "failed"."""
    value: float | None
    """The objective over all folds; None if it did not come to that."""
    values: dict[str, Any]
    """Setting -> value, for the settings that are searched."""
    parts: int
    """Trainings that were finished."""
    seconds: float | None
    failure: str | None
    """Why it failed."""


@dataclass(frozen=True)
class TuningResult:
    """All trials of a search."""

    preset: Preset
    """Where the search started."""
    objective: Literal["srcc", "r_l2"]
    trials: tuple[Trial, ...] = field(repr=False)
    importance: dict[str, float] | None
    """Share of each setting in what makes good trials good; None with too few trials."""
    search: dict[str, Any] = field(repr=False)
    """Preset, protocol, data, space, objective, seed."""
    code: dict[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.ranked:
            why = next((trial.failure for trial in self.trials if trial.failure), "no trial ran")
            raise CofinalError(
                f"none of {len(self.trials)} trials gave a measure ({why}); "
                "begin from another preset or search other settings"
            )

    @property
    def ranked(self) -> list[Trial]:
        """Trials with a value, best first; the earlier of equals first."""
        sign = 1 if self.objective == "r_l2" else -1
        known = [trial for trial in self.trials if trial.value is not None]
        return sorted(known, key=lambda trial: sign * (trial.value or 0.0))

    @property
    def best(self) -> Trial:
        """The best trial."""
        return self.ranked[0]

    @property
    def gain(self) -> float | None:
        """How much better the best trial is than the preset; None if the preset has no measure."""
        return self.gain_of(self.best)

    def gain_of(self, trial: Trial) -> float | None:
        """How much better a trial is than the preset, whether higher or lower is better."""
        base = self.trials[0].value
        if base is None or trial.value is None:
            return None
        return base - trial.value if self.objective == "r_l2" else trial.value - base

    def best_preset(self) -> Preset:
        """The preset with the best trial's settings."""
        return override(self.preset, self.best.values)

    @property
    def settings_tried(self) -> int:
        """Number of different settings; a small space is tried more than once."""
        return len({tuple(trial.values.items()) for trial in self.trials})

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        return {
            "method": self.preset.method,
            "objective": self.objective,
            "trials": len(self.trials),
            "outcomes": dict(Counter(trial.outcome for trial in self.trials)),
            "settings_tried": self.settings_tried,
            "best": asdict(self.best),
            "preset_value": self.trials[0].value,
            "gain": self.gain,
            "importance": self.importance,
            "search": self.search,
            "code": self.code,
            "all_trials": [asdict(trial) for trial in self.trials],
        }

    def save(self, folder: Path) -> None:
        """Writes `result.json` and `best.toml`, which `--preset` reads."""
        write_json(folder / "result.json", self.to_json())
        write_text(folder / "best.toml", preset_text(self.best_preset(), self.provenance()))

    def provenance(self) -> str:
        """How the best preset was chosen, as its file tells it."""
        protocol, data = self.search["protocol"], self.search["data"]
        kept = f" keeping {protocol['group']} together" if protocol["group"] else ""
        return (
            f"Chosen by `cofinal tune`: the best of {len(self.trials)} trials "
            f"({self.settings_tried} different settings),\n"
            f"{protocol['folds']} folds ({protocol['protocol']}{kept}), "
            f"repeated {protocol['repeats']} time(s), seed {self.search['seed']}.\n"
            f"{HEADS[self.objective]} {self.best.value:.4f}, which flatters.\n"
            f"Data: {data['performances']} performances, sha256 {data['sha256']}"
        )

    def table(self) -> str:
        """The best trials and what they change in the preset."""
        rows = [["trial", HEADS[self.objective], "better by", "settings other than the preset's"]]
        for trial in self.ranked[:TRIALS_SHOWN]:
            gain = self.gain_of(trial)
            shown = "-" if gain is None else f"{gain:+.3f}"
            rows.append([str(trial.number), f"{trial.value:.3f}", shown, self.changes(trial)])
        return aligned(rows)

    def changes(self, trial: Trial) -> str:
        """What a trial changes in the preset."""
        changed = [
            f"{name}={f'{value:.3g}' if isinstance(value, float) else value}"
            for name, value in trial.values.items()
            if value != setting(self.preset, name)
        ]
        return ", ".join(changed) or "none"

    def caution(self) -> str:
        """The gain over the preset, and what it is worth."""
        if self.best.number == 1:
            return "No trial was better than the preset itself."
        gain = "unknown, it has no measure" if self.gain is None else f"{self.gain:+.3f}"
        return (
            f"Gain over the preset: {gain}. The best of "
            f"{self.settings_tried} different settings flatters: part of the gain is luck on these "
            "folds. Measure it on performances that took no part."
        )
