"""The exception for bad input."""


class InputError(ValueError):
    """Bad input: the message is one line that names the file or option, the value, and the remedy.

    The command line prints it as it is and exits with status 2.
    """


class OutputError(InputError):
    """An output file that cannot be written; its cause is the error of the operating system or the encoder."""


def reason(error: Exception) -> str:
    """The message of another library's exception in one line, or its class name where the message is empty."""
    return " ".join(str(error).split()) or type(error).__name__
