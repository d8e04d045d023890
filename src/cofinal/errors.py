"""The exceptions for mistakes a user can make and mend."""


class CofinalError(ValueError):
    """A mistake in the input, told in one sentence: the value, what was expected, what to do next.

    The command line prints the sentence and exits with status 1; no trace is shown.
    """


class UnknownNameError(CofinalError, KeyError):
    """A name that item access does not find, as in `prediction["PCS"]`."""

    # KeyError's own would put the sentence into quotes.
    __str__ = Exception.__str__


class UsageError(CofinalError):
    """A command line that no command understands; the exit status is 2, as shells expect."""
