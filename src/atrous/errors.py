"""The one exception for anything a user gave that cannot be used."""


class InputError(ValueError):
    """Bad input: the message is one line that names the file or option, the value, and the remedy.

    The command line prints it as it is and exits with status 2.
    """


def reason(error: Exception) -> str:
    """What another library's exception says, in one line; its kind where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
