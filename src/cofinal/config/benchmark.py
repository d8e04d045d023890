"""Settings of a benchmark; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cofinal.settings import Between, Count, check, check_values


@dataclass(frozen=True)
class BenchmarkSettings:
    """What is compared, and how."""

    methods: tuple[str, ...] = ()
    """Methods by name, classes of your own (my_method.py:MyMethod), or presets by name or by the
    path of a TOML file, whose file name is then the name in the table; all methods if none are
    named."""
    protocols: tuple[str, ...] = ()
    """"kfold", "group:COLUMN", "final" (official split), "best-on-test" (optimistic). If none are
    named: kfold and every usable group column; with --include-test also the official split."""
    folds: Annotated[int, Between(2, 10_000)] = 5
    """Number of folds."""
    repeats: Count = 1
    """How often all folds are repeated with another partition."""
    seeds: Count = 3
    """Seeds of each trained method on each fold: 0, 1, ... Closed-form methods need one."""
    per_category: bool = False
    """Train one model per category (apparatus) instead of one for all."""
    within: str | None = None
    """Group column of the within-group SRCC; event if the data has it."""
    include_test: bool = False
    """Let folds train on and hold out the performances of the split "test" too, and take "final"
    among the protocols if none are named; otherwise they are left out."""
    nested: bool = False
    """Choose the settings of each method that has a search space by folds inside each training
    part, instead of taking its preset's."""
    candidates: Annotated[int, Between(1, 100_000)] = 8
    """Largest number of settings that --nested compares for a method."""
    confidence: Annotated[float, Between(0, 1, "both")] = 0.9
    """Confidence of the prediction intervals whose coverage is measured."""

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True)
class ExplanationSettings:
    """How explanations are judged; only with --explanations."""

    evidence: tuple[str, ...] = (
        "votes",
        "attention",
        "gradients",
        "occlusion-1",
        "occlusion-3",
        "occlusion-5",
        "mean-1",
        "mean-3",
        "mean-5",
    )
    """Ways to explain: "votes", "attention", "gradients", "occlusion-WIDTH" (clips taken out),
    "mean-WIDTH" (the mean clip in their place)."""
    explained: Annotated[int, Between(0, 10**9)] = 0
    """Performances of each fold that are explained, drawn by chance; 0 for all."""
    shuffled: bool = False
    """Also explain models that were trained on scores dealt out anew: as many trainings again."""
    steps: Count = 9
    """Points on a deletion curve."""
    random_orders: Count = 10
    """Orders drawn by chance, against which a deletion curve is compared."""

    def __post_init__(self) -> None:
        check_values(self)
        for name in self.evidence:
            check(self.evidence.count(name) == 1, "evidence", name, "each way once")
        check(len(self.evidence) > 0, "evidence", "empty", "one way or more")
