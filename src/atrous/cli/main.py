"""The command `atrous VERB ...`: runs the verb and turns bad input into one line and an exit status."""

import errno
import importlib
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from atrous.cli.memory import keep_freed_memory
from atrous.errors import InputError, closest
from atrous.report.wording import one_line
from atrous.version import __version__

VERBS = {
    "demo": "the whole life of a model on generated scenes, in about three minutes",
    "doctor": "what is wrong with a data set, and what to do about it",
    "train": "train on a data set by a recipe",
    "evaluate": "mIoU and per-class table of weights on a data set",
    "predict": "label maps and overlays of pictures",
    "rank": "unlabelled pictures in the order in which labelling them would teach most",
    "serve": "label maps over HTTP, and a page to look at them",
    "convert": "weights of other projects to an archive, or an archive to theirs",
    "export": "a file for another engine, compared with the weights",
    "weights": "what can be given by name; files of your own, and archives to a hub",
    "bench": "the stages of a prediction, timed on this machine",
    "download": "a published data set, unpacked",
    "info": "strides, rates, parameters and multiply-adds of a model",
    "paper": "the tables of both papers, listed or re-run on a data set",
}
"""Each is a module `atrous.cli.VERB` with `main(arguments) -> exit status`, imported only when called."""

ALIASES = {"val": "evaluate", "eval": "evaluate", "infer": "predict", "fit": "train", "check": "doctor"}
"""Verbs as other programs call them, and ours."""

BAD_INPUT, INTERRUPTED = 2, 130


def usage() -> str:
    """The text that `atrous --help` prints."""
    verbs = "\n".join(f"  {verb:<10}{summary}" for verb, summary in VERBS.items())
    hint = "`atrous VERB --help` shows options and an example, `atrous --version` versions and device."
    return f"usage: atrous VERB ...\n\n{verbs}\n\n{hint}"


def versions() -> str:
    """Versions of this software and of torch, and the device that `--device auto` takes."""
    import torch  # slow to load, and no other answer of this file needs it

    from atrous.inference.device import choose_device

    return f"atrous {__version__}, torch {torch.__version__}, device {choose_device('auto')}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns 0, 2 after bad input, 130 after an interrupt, or what the verb returns.

    Without `arguments` the process is the command's own.
    """
    open_closed_streams()
    verb, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if verb in ("-h", "--help", "help"):
        print(usage())
        return 0
    if verb in ("-V", "--version", "version"):
        print(versions())
        return 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # File names need not be text, and not every terminal knows every letter: neither may end in a traceback.
            stream.reconfigure(errors="backslashreplace")
    if arguments is None:
        keep_freed_memory()
    from atrous.cli.console import ConsoleHandler  # rich is slow to load, and the answers above do without it

    logging.basicConfig(level=logging.WARNING, format="atrous: %(message)s", handlers=[ConsoleHandler()])
    verb = ALIASES.get(verb, verb)
    try:
        if verb not in VERBS:
            raise InputError(f"unknown verb {verb!r}; {_hint(verb, rest)}")
        with _terminable():
            status = importlib.import_module(f"atrous.cli.{verb}").main(rest)
            sys.stdout.flush()
            return status
    except InputError as error:
        # In one piece, newline and all: replicas may speak at the same time.
        print(f"atrous {verb}: {one_line(str(error))}\n", end="", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(f"atrous {verb}: interrupted; finished files are whole, nothing is half-written", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted; a second complaint at exit would be noise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        # Nothing more fits: neither may the flush at exit fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"atrous {verb}: standard output or the disk is full; free some space", file=sys.stderr)
        return BAD_INPUT


def _hint(verb: str, rest: Sequence[str]) -> str:
    """Say what an unknown verb may have meant: a verb of a similar name, or the next word if that is a verb."""
    if similar := closest(verb, VERBS):
        return f"did you mean {similar!r}?"
    if rest and ALIASES.get(rest[0], rest[0]) in VERBS:
        return f"the verb comes first: atrous {rest[0]} {verb} ..."
    return f"verbs: {', '.join(VERBS)}"


def open_closed_streams() -> None:
    """Open the standard streams that the caller of the process has closed (`>&-`) on the null device.

    Without that, the next file that is opened takes the number of a closed stream, and receives what libraries print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a polite kill (SIGTERM: job schedulers, shutdown) end as an interrupt does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


if __name__ == "__main__":
    sys.exit(main())
