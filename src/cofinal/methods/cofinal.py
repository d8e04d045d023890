"""Settings of `cofinal`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cofinal.settings import (
    BelowOne,
    Between,
    Choices,
    Components,
    MethodSettings,
    Range,
    Share,
    Weight,
    Width,
    check,
)


@dataclass(frozen=True)
class CoFInAlSettings(MethodSettings):
    """Settings of `cofinal`."""

    grades: Annotated[int, Between(1, 100)] = 4
    """Number of grades, G."""
    sub_grades: Annotated[int, Between(3, 1000)] = 10
    """Number of sub-grade prototypes inside a grade, S; between two a place could only leap."""
    spacing: Literal["equal-count", "equal-width"] = "equal-count"
    """Whether grades are equally often met in training, or equally wide in points."""
    principal_components: Components = 256
    """Leading directions of the clip features that the network sees."""
    width: Width = 64
    """Model width, D."""
    encoder_layers: Annotated[int, Between(0, 32)] = 0
    """Transformer layers over clips (temporal fusion); without any, a clip's vote rests on that
    clip alone."""
    heads: Annotated[int, Between(1, 256)] = 4
    """Attention heads of these layers."""
    embedding_width: Width = 32
    """Width of the sub-grade frame, at least `sub_grades`."""
    dropout: BelowOne = 0.3
    """Dropout inside the network."""
    time_code: Annotated[float, Between(0, 1000)] = 0.0
    """Size of the code of relative time added to clips; 0 leaves order to the summary read-out."""
    sharpness: Annotated[float, Between(0.01, 1000)] = 4.0
    """Sharpness of the choice among sub-grades at the start of training, which learns its own."""
    target_softness: Annotated[float, Between(0, 1000)] = 0.3
    """Softness of grade targets near edges, as a share of the summary's held-out error."""
    place_weight: Weight = 0.5
    """Weight of the dot regression to the sub-grade prototypes."""
    score_weight: Weight = 0.5
    """Weight of the squared error of the score."""
    cells_weight: Weight = 1.0
    """Weight of the ranked probability score of the distribution over all sub-grades."""
    summary_share: Share = 0.5
    """Share of the closed-form summary read-out in the pool; 0 leaves it out."""
    summary_segments: Annotated[int, Between(0, 1000)] = 16
    """Time segments that the summary read-out sees beside the whole performance."""

    search = {
        "model.grades": Choices(2, 3, 4, 6, 8),
        "model.spacing": Choices("equal-count", "equal-width"),
        "model.summary_share": Choices(0.25, 0.5, 0.75),
        "model.summary_segments": Choices(0, 8, 16, 24),
        "model.dropout": Choices(0.1, 0.3, 0.5),
        "training.learning_rate": Range(3e-4, 3e-3, log=True),
        "training.epochs": Choices(20, 40, 80),
        "training.channel_dropout": Choices(0.0, 0.15, 0.3, 0.5),
        "training.mixing": Choices(0.0, 0.4, 1.0),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        frame, width = self.embedding_width, self.width
        fits = f"at least sub_grades ({self.sub_grades})"
        check(frame >= self.sub_grades, "embedding_width", frame, fits)
        check(width % self.heads == 0, "width", width, f"a multiple of heads ({self.heads})")
        even = width % 2 == 0 or not self.time_code
        check(even, "width", width, "an even number, since time_code has sines and cosines")
