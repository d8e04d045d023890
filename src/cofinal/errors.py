"""The exceptions for mistakes a user can make and mend."""

import re

# What breaks a line or turns it round, or what a terminal would obey.
UNPRINTED = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# A stranger's text in quotes, and a word: what is longer than this is cut.
SHOWN = 80
QUOTATION = re.compile(rf"(?<!\w)(['\"])((?:(?!\1)[^\\]|\\.){{{SHOWN + 1},}})\1(?!\w)")
WORD = re.compile(rf"[^\s/]{{{SHOWN + 21},}}")
LONGEST, BEGINNING = 1500, 1000


def printable(text: str) -> str:
    """Text on one line; what a terminal would obey, or cannot show, is escaped."""
    return UNPRINTED.sub(lambda found: repr(found[0])[1:-1], text)


def sentence(text: str) -> str:
    """Text that can be shown anywhere: one line, nothing that terminals obey, nothing endless."""
    text = printable(text)
    text = QUOTATION.sub(lambda found: f"{found[1]}{found[2][:SHOWN]}...{found[1]}", text)
    text = WORD.sub(lambda found: f"{found[0][:SHOWN]}...", text)
    if len(text) <= LONGEST:
        return text
    return f"{text[:BEGINNING]} ... {text[BEGINNING - LONGEST :]}"


class CofinalError(ValueError):
    """A mistake in the input, told in one sentence: the value, what was expected, what to do next.

    The command line prints the sentence and exits with status 1; no trace is shown.
    """

    def __init__(self, text: str) -> None:
        super().__init__(sentence(text))


class UnknownNameError(CofinalError, KeyError):
    """A name that item access does not find, as in `prediction["PCS"]`."""

    # KeyError's own would put the sentence into quotes.
    __str__ = Exception.__str__


class NoRoomError(CofinalError):
    """A disk is full: what was to be written is not there, and what was there before is whole."""


class UsageError(CofinalError):
    """A command line that no command understands; the exit status is 2, as shells expect."""
