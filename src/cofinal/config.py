"""Settings of methods and of training: frozen dataclasses, read from TOML presets.

No torch here: `cofinal --help` must not wait for it. The text under each field is its help text.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from cofinal.errors import CofinalError

PRESET_FOLDER = Path(__file__).parent / "presets"
# What a setting's type is called in messages.
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def check(condition: bool, name: str, value: Any, expected: str) -> None:
    """Refuses a setting in a sentence."""
    if not condition:
        raise CofinalError(f"setting {name} is {value!r}; expected {expected}")


def check_values(settings: Any) -> None:
    """Refuses infinite and undefined numbers, which no setting means, and unknown choices."""
    hints = get_type_hints(type(settings))
    for entry in fields(settings):
        value, choices = getattr(settings, entry.name), get_args(hints[entry.name])
        if isinstance(value, float):
            check(math.isfinite(value), entry.name, value, "a finite number")
        if get_origin(hints[entry.name]) is Literal:
            check(value in choices, entry.name, value, f"one of {', '.join(map(str, choices))}")


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
    """Points that the unit score 1 stands for; 25 for every data set in the released programs."""
    queries: int = 4
    """Number of learned queries; the released CoFInAl program crashes on any other than 4."""
    width: int = 256
    """Model width; the released CoFInAl program crashes on any other than 256."""

    def __post_init__(self) -> None:
        check_values(self)
        check(self.score_unit > 0, "score_unit", self.score_unit, "more than 0")
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
class MeanSettings:
    """`mean` has no settings."""


SETTINGS: dict[str, type] = {
    "cofinal": CoFInAlSettings,
    "cofinal-released": ReleasedSettings,
    "gdlt": GdltSettings,
    "ridge": RidgeSettings,
    "mean": MeanSettings,
}


@dataclass(frozen=True)
class TrainingSettings:
    """How a method's parameters are trained. Closed-form methods use only `device`."""

    epochs: int = 40
    """Passes over the training performances."""
    batch_size: int = 32
    """Performances in one step."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with momentum 0.9."""
    learning_rate: float = 1e-3
    """Highest learning rate."""
    final_rate: float = 0.01
    """Last learning rate, as a share of the highest; the way down is a cosine."""
    warmup: float = 0.1
    """Share of all steps in which the rate rises from zero."""
    weight_decay: float = 0.05
    """Decay of matrices (AdamW), or of all parameters (SGD)."""
    clip_gradient: float = 1.0
    """Largest norm of the gradient; 0 for no limit."""
    averaging: float = 0.98
    """Decay of the exponential average of the weights, which is the final model; 0 for none."""
    view: Literal["subset", "window", "whole"] = "subset"
    """Clips seen in one pass: a random subset in time order, a random window, or all."""
    view_clips: int = 56
    """Clips in a "subset" or "window"; performances with fewer are seen whole."""
    channel_dropout: float = 0.3
    """Probability that an input channel is blanked for a whole performance."""
    mixing: float = 1.0
    """Beta parameter of mixing pairs of performances and their scores; 0 for none."""
    members: int = 4
    """Models of different seeds that are trained at once and averaged."""
    seed: int = 0
    """Seed of everything random."""
    device: str = "auto"
    """"cpu", "cuda", "mps", or "auto" for the best present."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the training steps; bfloat16 pays on GPUs."""

    def __post_init__(self) -> None:
        check_values(self)
        for name in ("epochs", "batch_size", "members", "view_clips"):
            check(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        check(self.learning_rate > 0, "learning_rate", self.learning_rate, "more than 0")
        check(0 <= self.averaging < 1, "averaging", self.averaging, "0 up to but not including 1")
        check(0 <= self.channel_dropout < 1, "channel_dropout", self.channel_dropout, "0 up to 1")
        for name in ("mixing", "clip_gradient", "weight_decay"):
            check(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        for name in ("final_rate", "warmup"):
            check(0 <= getattr(self, name) <= 1, name, getattr(self, name), "0 to 1")
        check(0 <= self.seed < 2**32, "seed", self.seed, "0 to 4294967295")


@dataclass(frozen=True)
class DataSource:
    """Where performances come from."""

    dataset: str
    """Name of a published data set ("fisv", "rg"), or the path of your own CSV of labels."""
    data: Path | None = None
    """Folder of the published label files and features; for a CSV, the folder of features."""
    features: Path | None = None
    """Folder of the .npy features, if it is not where the data set's authors put it."""
    targets: tuple[str, ...] = ()
    """Scores to predict; all default ones of the data set if none are named."""
    category: str | None = None
    """Keep only performances of this category, for example one apparatus."""

    @property
    def is_csv(self) -> bool:
        """Whether it is one's own CSV rather than a published data set."""
        return self.dataset.lower().endswith(".csv")


@dataclass(frozen=True)
class ProtocolSettings:
    """How a method is evaluated."""

    protocol: Literal["final", "kfold", "group", "best-on-test"] = "kfold"
    """"final": train split against test split, last epoch. "kfold": random folds. "group": folds
    that keep groups together. "best-on-test": as most published numbers, optimistic."""
    folds: int = 5
    """Number of folds."""
    group: str | None = None
    """Group column of "group", for example skater or event."""
    repeats: int = 1
    """How often all folds are repeated with another partition and seed."""
    per_category: bool = False
    """Train one model per category (apparatus) instead of one for all."""
    within: str | None = None
    """Group column of the within-group SRCC; event if the data has it."""

    def __post_init__(self) -> None:
        check_values(self)
        check(self.folds >= 2, "folds", self.folds, "2 or more")
        check(self.repeats >= 1, "repeats", self.repeats, "1 or more")
        if self.group is not None and self.protocol != "group":
            raise CofinalError(
                f"setting group is {self.group!r}, but protocol {self.protocol!r} keeps no groups "
                "together; add --protocol group, or leave out --group"
            )


@dataclass(frozen=True)
class Preset:
    """A method with its settings and its training."""

    method: str = "cofinal"
    model: Any = field(default_factory=CoFInAlSettings)
    """An instance of `SETTINGS[method]`."""
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON; `preset_from` reads them back."""
        return asdict(self)


def settings_from(cls: type, values: dict[str, Any], where: str) -> Any:
    """Builds a settings object from plain values; unknown names and wrong types get a sentence."""
    known = {f.name: f for f in fields(cls)}
    hints = get_type_hints(cls)
    for name, value in values.items():
        if name not in known:
            raise CofinalError(
                f"{where}: setting {name!r} is unknown; {cls.__name__} knows {', '.join(known)}"
            )
        default = known[name].default
        numbers = isinstance(default, float) and isinstance(value, int)
        if type(value) is not type(default) and not (numbers and not isinstance(value, bool)):
            raise CofinalError(
                f"{where}: setting {name} is {value!r}; expected {KINDS[type(default)]}"
            )
        choices = get_args(hints[name])
        if choices and value not in choices:
            raise CofinalError(
                f"{where}: setting {name} is {value!r}; "
                f"choose one of {', '.join(map(str, choices))}"
            )
    return cls(**values)


def preset_from(values: dict[str, Any], where: str) -> Preset:
    """Builds a preset from plain values, as read from TOML or JSON."""
    unknown = set(values) - {"method", "model", "training"}
    if unknown:
        raise CofinalError(
            f"{where}: {sorted(unknown)[0]!r} is unknown; "
            "a preset has method, [model] and [training]"
        )
    for name in ("model", "training"):
        if not isinstance(values.get(name, {}), dict):
            raise CofinalError(f"{where}: {name} is {values[name]!r}; expected a table [{name}]")
    method = values.get("method", "cofinal")
    if not isinstance(method, str):
        raise CofinalError(f"{where}: method is {method!r}; expected a name")
    return Preset(
        method,
        settings_from(settings_class(method), values.get("model", {}), f"{where} [model]"),
        settings_from(TrainingSettings, values.get("training", {}), f"{where} [training]"),
    )


def settings_class(method: str) -> type:
    """The settings class of a method, or a sentence with the methods there are."""
    if method not in SETTINGS:
        raise CofinalError(f"method {method!r} is unknown; choose one of {', '.join(SETTINGS)}")
    return SETTINGS[method]


def preset_names() -> list[str]:
    """Names of the presets that come with the package."""
    return sorted(path.stem for path in PRESET_FOLDER.glob("*.toml"))


def load_preset(name: str) -> Preset:
    """Reads a preset by its name, or from a TOML file by its path."""
    path = Path(name) if name.endswith(".toml") else PRESET_FOLDER / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CofinalError(f"preset {path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise CofinalError(
            f"preset {name!r} not found; name a .toml file or one of {', '.join(preset_names())}"
        ) from error
    try:
        return preset_from(tomllib.loads(text), f"preset {name}")
    except tomllib.TOMLDecodeError as error:
        raise CofinalError(f"preset {path} is not TOML: {error}") from error


def override(preset: Preset, assignments: dict[str, Any]) -> Preset:
    """Replaces settings named "model.grades" or "training.epochs"; None leaves a setting alone.

    Raises:
        CofinalError: an unknown setting, or a value that it cannot have.
    """
    for name, value in assignments.items():
        part, _, key = name.partition(".")
        if part not in ("model", "training"):
            raise CofinalError(
                f"setting {name!r} is unknown; expected a name such as 'training.epochs' or "
                "'model.grades'"
            )
        if value is not None:
            settings = getattr(preset, part)
            values = asdict(settings) | {key: value}
            changed: Any = {part: settings_from(type(settings), values, f"[{part}]")}
            preset = replace(preset, **changed)
    return preset
