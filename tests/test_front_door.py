"""The public names, what importing them costs, and the command without a verb."""

import ast
import os
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import atrous
from atrous.cli.main import main

HEAVY = {"torch", "numba", "matplotlib", "jinja2", "tflite", "tyro", "rich"}


def loaded_by(statement):
    """The heavy packages that a fresh interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(' '.join(sys.modules))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return HEAVY & {name.partition(".")[0] for name in shown.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import atrous",
        "import atrous.labels",
        "import atrous.report",
        "import atrous.model.stride_plan, atrous.model.conventions",
        "from atrous import InputError, LabelSpace",
        "from atrous.cli.main import main; main(['--help'])",
    ],
)
def test_what_needs_no_network_loads_none(statement):
    assert loaded_by(statement) == set()


def test_a_name_loads_what_it_needs():
    assert "torch" in loaded_by("import atrous; atrous.build")


def test_every_public_name_is_what_its_module_defines():
    stub = ast.parse((Path(atrous.__file__).parent / "__init__.pyi").read_text())
    named = {}
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            module = __import__(f"atrous.{node.module}", fromlist=["_"])
            named |= {alias.asname: getattr(module, alias.name) for alias in node.names}
    assert set(dir(atrous)) >= set(named)
    sections = re.sub(r"^\w+ ", "", atrous.__doc__.partition("\n\n")[2], flags=re.MULTILINE)
    assert sorted(sections.split()) == sorted(named)
    for name, value in named.items():
        assert getattr(atrous, name) is value, name
    with pytest.raises(AttributeError, match="Predictr"):
        atrous.Predictr  # noqa: B018


def test_help_fits_one_screen_of_names():
    assert max(map(len, atrous.__doc__.splitlines())) <= 120
    lines = pydoc.render_doc(atrous, renderer=pydoc.plaintext).splitlines()
    assert lines.index("PACKAGE CONTENTS") < 25
    assert len(lines) < 70


def test_the_version_is_said_with_torch_and_device(capsys):
    assert main(["--version"]) == 0
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert capsys.readouterr().out == f"atrous {atrous.__version__}, torch {torch.__version__}, device {expected}\n"


def test_the_version_needs_no_installed_package(tmp_path):
    code = "import atrous; print(atrous.__version__)"
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path[1:]!r}; {code}"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert shown.stdout.strip() == atrous.__version__
