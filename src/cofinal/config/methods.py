"""Settings of each method; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cofinal.config.checks import check, check_values
from cofinal.errors import CofinalError


@dataclass(frozen=True)
class CoFInAlSettings:
    """Settings of `cofinal`."""

    grades: int = 4
    """Number of grades, G."""
    sub_grades: int = 10
    """Number of sub-grade prototypes inside a grade, S."""
    spacing: Literal["equal-count", "equal-width"] = "equal-count"
    """Whether grades are equally often met in training, or equally wide in points."""
    principal_components: int = 256
    """Leading directions of the clip features that the network sees."""
    width: int = 64
    """Model width, D."""
    heads: int = 4
    """Attention heads."""
    encoder_layers: int = 1
    """Transformer layers over clips (temporal fusion)."""
    decoder_layers: int = 1
    """Transformer layers in which grade prototypes question the clips (grade parsing)."""
    embedding_width: int = 32
    """Width of the sub-grade frame, at least `sub_grades`."""
    dropout: float = 0.3
    """Dropout inside the transformer layers."""
    time_code: float = 0.0
    """Size of the code of relative time added to clips; 0 leaves order to the summary read-out."""
    correction_share: float = 0.3
    """How far a grade feature can turn the direction that the level implies."""
    target_softness: float = 0.3
    """Softness of grade targets near edges, as a share of the level's held-out error."""
    place_weight: float = 0.5
    """Weight of the dot regression to the sub-grade prototypes."""
    score_weight: float = 0.5
    """Weight of the squared error of the score."""
    separation_weight: float = 0.1
    """Weight of the term that keeps features of different grades apart."""
    summary_share: float = 0.5
    """Share of the closed-form summary read-out in the level; 0 leaves it out."""
    summary_segments: int = 8
    """Time segments that the summary read-out sees beside the whole performance."""

    def __post_init__(self) -> None:
        check_values(self)
        for name in ("grades", "principal_components", "width", "heads", "decoder_layers"):
            check(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        for name in (
            *("encoder_layers", "summary_segments"),
            *("target_softness", "time_code", "correction_share"),
            *("place_weight", "score_weight", "separation_weight"),
        ):
            check(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        check(self.sub_grades >= 2, "sub_grades", self.sub_grades, "2 or more")
        check(
            self.embedding_width >= self.sub_grades,
            "embedding_width",
            self.embedding_width,
            f"at least sub_grades ({self.sub_grades})",
        )
        check(0 <= self.summary_share <= 1, "summary_share", self.summary_share, "0 to 1")
        check(0 <= self.dropout < 1, "dropout", self.dropout, "0 up to but not including 1")


@dataclass(frozen=True)
class GdltSettings:
    """Settings of `gdlt`, the parent of CoFInAl."""

    triplet_weight: float = 1.0
    """Weight of the triplet term (alpha)."""
    score_unit: float = 25.0
    """Points that the unit score 1 stands for; 25 for every data set in the released programs. 0
    for the range of the training scores: a single head cannot reach scores beyond the unit."""
    queries: int = 4
    """Number of learned queries; the released CoFInAl program crashes on any other than 4."""
    width: int = 256
    """Model width; the released CoFInAl program crashes on any other than 256."""

    def __post_init__(self) -> None:
        check_values(self)
        check(self.score_unit >= 0, "score_unit", self.score_unit, "0 or more")
        check(self.triplet_weight >= 0, "triplet_weight", self.triplet_weight, "0 or more")
        check(self.queries >= 1, "queries", self.queries, "1 or more")
        check(self.width >= 1, "width", self.width, "1 or more")


@dataclass(frozen=True)
class ReleasedSettings(GdltSettings):
    """Settings of `cofinal-released`: what the authors' program lets one choose."""

    weights: Literal[0, 1, 2, 3] = 3
    """Fixed weights of the four coarse outputs, by the released program's number."""
    reverse_head: bool = True
    """Whether a second coarse head predicts the reversed score."""


@dataclass(frozen=True)
class RidgeSettings:
    """`ridge` has no settings: its strength is chosen by leave-one-out error."""


@dataclass(frozen=True)
class RidgeSegmentsSettings(RidgeSettings):
    """Settings of `ridge-segments`; its strength is chosen by leave-one-out error."""

    segments: int = 4
    """Equal parts of a performance, each with an average of its own."""

    def __post_init__(self) -> None:
        check_values(self)
        check(self.segments >= 1, "segments", self.segments, "1 or more")


@dataclass(frozen=True)
class SvrSettings:
    """Settings of `svr`; the defaults did well on folds without a common event of Fis-V."""

    cost: float = 30.0
    """Price of an error beyond the tolerance (C); the larger, the closer the fit."""
    epsilon: float = 0.3
    """Tolerance within which errors cost nothing, in standard deviations of the scores."""
    gamma: float = 0.1
    """Narrowness of the Gaussian kernel, times 1 / channels; 1 is scikit-learn's "scale"."""

    def __post_init__(self) -> None:
        check_values(self)
        check(self.cost > 0, "cost", self.cost, "more than 0")
        check(self.epsilon >= 0, "epsilon", self.epsilon, "0 or more")
        check(self.gamma > 0, "gamma", self.gamma, "more than 0")


@dataclass(frozen=True)
class UsdlSettings:
    """Settings of `usdl`."""

    principal_components: int = 256
    """Leading directions of the clip features that the network sees."""
    bins: int = 101
    """Score bins, evenly spaced over the range of the training scores with a margin."""
    spread: float = 0.05
    """Standard deviation of the target distribution, as a share of that range."""
    width: int = 256
    """Width of the first hidden layer; the second is half as wide."""

    def __post_init__(self) -> None:
        check_values(self)
        check(
            self.principal_components >= 1,
            "principal_components",
            self.principal_components,
            "1 or more",
        )
        check(self.bins >= 2, "bins", self.bins, "2 or more")
        check(self.spread > 0, "spread", self.spread, "more than 0")
        check(self.width >= 2, "width", self.width, "2 or more")


@dataclass(frozen=True)
class MusdlSettings(UsdlSettings):
    """Settings of `musdl`."""

    seats: int = 11
    """Most judges that a panel may have; each has a distribution of its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.seats >= 1, "seats", self.seats, "1 or more")


@dataclass(frozen=True)
class MsLstmSettings:
    """Settings of `ms-lstm`."""

    principal_components: int = 256
    """Leading directions of the clip features that the network sees."""
    parts: int = 64
    """Equal parts in which a performance is averaged before anything reads it."""
    rows: int = 16
    """Rows of self-attention, each a moment that the self-attentive LSTM reads."""
    width: int = 64
    """Width of every LSTM state and of the hidden layer."""
    dropout: float = 0.3
    """Dropout before and inside the hidden layer."""
    row_weight: float = 0.01
    """Weight of the term that keeps rows of attention apart."""

    def __post_init__(self) -> None:
        check_values(self)
        for name in ("principal_components", "rows", "width"):
            check(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        check(self.parts >= 8, "parts", self.parts, "8 or more, which the coarsest scale needs")
        check(0 <= self.dropout < 1, "dropout", self.dropout, "0 up to but not including 1")
        check(self.row_weight >= 0, "row_weight", self.row_weight, "0 or more")


@dataclass(frozen=True)
class MeanSettings:
    """`mean` has no settings."""


@dataclass(frozen=True)
class ActionNetSettings:
    """Settings of `action-net`."""

    principal_components: int = 256
    """Leading directions of the clip features that the network sees."""
    width: int = 64
    """Model width, D."""
    dropout: float = 0.3
    """Dropout of clips and of the pooled performance."""

    def __post_init__(self) -> None:
        check_values(self)
        for name in ("principal_components", "width"):
            check(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        check(0 <= self.dropout < 1, "dropout", self.dropout, "0 up to but not including 1")


@dataclass(frozen=True)
class CoReSettings:
    """Settings of `core`."""

    exemplars: int = 10
    """Training performances of known score that a performance is compared with, E."""
    depth: int = 4
    """Decisions from the root of the tree to a leaf; there are 2 to the power of it groups."""
    decision: Literal["most-probable", "expectation"] = "most-probable"
    """Whether the score difference is the most probable group's, or the expectation over all."""
    segments: int = 10
    """Time segments that a performance's feature is averaged over, P."""
    principal_components: int = 256
    """Leading directions of the clip features that the network sees."""
    width: int = 32
    """Width of features and tree, D."""
    dropout: float = 0.3
    """Dropout of segment features."""

    def __post_init__(self) -> None:
        check_values(self)
        for name in ("exemplars", "segments", "principal_components", "width"):
            check(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        # More than a thousand groups cannot be told apart, and the tree doubles with every level.
        check(1 <= self.depth <= 10, "depth", self.depth, "1 to 10")
        check(0 <= self.dropout < 1, "dropout", self.dropout, "0 up to but not including 1")


SETTINGS: dict[str, type] = {
    "cofinal": CoFInAlSettings,
    "cofinal-released": ReleasedSettings,
    "gdlt": GdltSettings,
    "ridge": RidgeSettings,
    "ridge-segments": RidgeSegmentsSettings,
    "svr": SvrSettings,
    "usdl": UsdlSettings,
    "musdl": MusdlSettings,
    "ms-lstm": MsLstmSettings,
    "mean": MeanSettings,
    "action-net": ActionNetSettings,
    "core": CoReSettings,
}


def settings_class(method: str) -> type:
    """The settings class of a method, or a sentence with the methods there are."""
    if method not in SETTINGS:
        raise CofinalError(f"method {method!r} is unknown; choose one of {', '.join(SETTINGS)}")
    return SETTINGS[method]
