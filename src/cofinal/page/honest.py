"""What a test on unseen films means, in words that do not promise more than it shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# With fewer films a rank correlation is known so roughly that hardly any is excluded.
FEW, SOME = 30, 80
NUMBERS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip


def count(number: int, what: str) -> str:
    """A number of things, in words where it is small."""
    word = NUMBERS[number] if number < len(NUMBERS) else str(number)
    return f"{word} {what}{'' if number == 1 else 's'}"


def sentences(measured: dict[str, Any], group: bool, folds: int) -> Iterator[str]:
    """About one target.

    Args:
        measured: target, films, error, error_of_guessing, pairs_right, srcc, srcc_interval.
        group: whether films of a group were kept together.
        folds: into how many parts films were dealt.
    """
    films, error, guess = measured["films"], measured["error"], measured["error_of_guessing"]
    kept = ", whole groups at a time" if group else ""
    yield (
        f"Asked about films that it had not learned from (in {folds} turns{kept}), the model was "
        f"{error:.2f} points off on average. Whoever says the mean of the other films every time "
        f"is {guess:.2f} off."
    )
    if measured["pairs_right"] is not None:
        yield (
            f"Of two films it put the better one first in {measured['pairs_right']:.0%} of the "
            "cases; tossing a coin would do so in 50 %."
        )
    yield _verdict(measured, films)
    if not group:
        yield (
            "No groups were given, so the same person may be in films that it learned from and in "
            "those it was asked about; about strangers it knows less."
        )


def _verdict(measured: dict[str, Any], films: int) -> str:
    interval = measured["srcc_interval"]
    few = count(films, "film").capitalize()
    if interval is None:
        return f"{few} are too few to say how good it is."
    low, high = interval
    lies = f"its rank correlation with the raters lies between {low:.2f} and {high:.2f}"
    if low <= 0:
        why = f"{few} are too few to say" if films < FEW else "It cannot be told"
        return f"{why} whether it is better than chance: {lies}. Do not use its scores yet."
    if films < FEW:
        return (
            f"It is better than chance, but {few.lower()} are too few to say by how much: {lies}."
        )
    if films < SOME:
        return f"It is better than chance: {lies}. More films would tell more exactly."
    return f"It is better than chance: {lies}."


def intervals_sentence(measured: dict[str, Any], known: bool, group: bool) -> str:
    """Why there are intervals or none."""
    if known:
        return (
            "Of many new films like these, nine in ten have the raters' mean inside the interval "
            "that is shown with a score; for other people, events or cameras this is no promise."
        )
    need = "nine films and five groups" if group else "nine films"
    return f"Intervals are not known: they need {need} with marks."
