"""Freed memory stays with the process that runs a command."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from atrous.cli.main import main
from atrous.cli import info
def faults(_):
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        bytearray(64 << 20)
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before))
    return 0
info.main = faults
sys.argv[1:] = ["info"]
sys.exit(main())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries stay as they are")
def test_a_map_that_was_freed_is_not_cleared_again():
    """Of 64 MiB, which are 16384 pages."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    assert page_faults(clean) < 100
    assert page_faults({**clean, "MALLOC_ARENA_MAX": "1"}) > 10000  # the user's word counts


def page_faults(environment):
    environment = {**environment, "PYTHONPATH": os.pathsep.join(sys.path)}
    return int(subprocess.check_output([sys.executable, "-c", FAULTS], env=environment))
