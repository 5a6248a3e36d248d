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


@pytest.mark.skipif(platform.libc_ver() < ("glibc", "2.36"), reason="other C libraries stay as they are")
def test_a_map_that_was_freed_is_not_cleared_again():
    """Of 64 MiB, which are 16384 pages, or 32 huge ones where the system makes such by itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    kept = page_faults(clean)
    assert kept < 20
    for said in ({"MALLOC_ARENA_MAX": "1"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1"}):  # the user's word counts
        assert page_faults({**clean, **said}) > kept + 20


def page_faults(environment):
    environment = {**environment, "PYTHONPATH": os.pathsep.join(sys.path)}
    return int(subprocess.check_output([sys.executable, "-c", FAULTS], env=environment))
