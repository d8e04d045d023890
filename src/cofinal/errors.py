"""The one exception for mistakes a user can make and mend."""


class CofinalError(Exception):
    """A mistake in the input, told in one sentence: the value, what was expected, what to do next.

    The command line prints the sentence and exits with status 1; no trace is shown.
    """
