"""Optional dependencies that are absent, or installed and broken."""

import sys

import pytest

from atrous.errors import InputError
from atrous.extras import require


def test_an_absent_module_names_its_extra():
    with pytest.raises(
        InputError, match=r"^drawing needs no_such_thing; install it with: pip install 'atrous\[art\]'$"
    ):
        require("no_such_thing.part", extra="art", purpose="drawing")


@pytest.mark.parametrize(
    "error",
    [
        'RuntimeError("operator torchvision::nms\\ndoes not exist")',
        'ImportError("libx.so")',
        'ModuleNotFoundError("No module named \'other\'", name="other")',
    ],
)
def test_a_module_that_fails_on_import_is_one_line_with_the_reason(error, tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text(f"raise {error}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_library", raising=False)
    with pytest.raises(InputError) as refused:
        require("broken_library", extra="art", purpose="drawing")
    message = str(refused.value)
    assert "\n" not in message
    assert "broken_library, which is installed but cannot be imported (" in message
    assert any(
        reason in message for reason in ("(operator torchvision::nms)", "(libx.so)", "(No module named 'other')")
    )
