"""The exceptions for mistakes a user can make and mend."""

import re

# What breaks a line, or what a terminal would obey.
UNPRINTED = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def on_one_line(text: str) -> str:
    """Text as it can be shown anywhere: what breaks lines or commands terminals is escaped."""
    return UNPRINTED.sub(lambda found: repr(found[0])[1:-1], text)


class CofinalError(ValueError):
    """A mistake in the input, told in one sentence: the value, what was expected, what to do next.

    The command line prints the sentence and exits with status 1; no trace is shown.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(on_one_line(sentence))


class UnknownNameError(CofinalError, KeyError):
    """A name that item access does not find, as in `prediction["PCS"]`."""

    # KeyError's own would put the sentence into quotes.
    __str__ = Exception.__str__


class UsageError(CofinalError):
    """A command line that no command understands; the exit status is 2, as shells expect."""
