"""OpenVINO compiles without AMX, on every processor, unless the environment says otherwise."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from atrous.errors import InputError
from atrous.export import int8_openvino
from atrous.inference.engines import openvino_engine
from atrous.inference.engines.without_amx import SETTING, without_amx


def test_it_is_set_within_and_gone_after(monkeypatch):
    monkeypatch.delenv(SETTING, raising=False)
    with without_amx():
        assert os.environ[SETTING] == "AVX512_CORE_BF16"
    assert SETTING not in os.environ


def test_what_the_user_says_stays(monkeypatch):
    monkeypatch.setenv(SETTING, "ALL")
    with without_amx():
        assert os.environ[SETTING] == "ALL"
    assert os.environ[SETTING] == "ALL"


@pytest.fixture
def compiled(monkeypatch):
    """What the setting was whenever a stand-in for OpenVINO was asked to compile; it then refuses."""
    monkeypatch.delenv(SETTING, raising=False)
    seen = []

    class Core:
        def read_model(self, _path):
            return SimpleNamespace(rt_info={})

        def compile_model(self, *_arguments):
            seen.append(os.environ.get(SETTING))
            raise RuntimeError("refused")

    fake = SimpleNamespace(Core=Core, OverflowFix=None)
    for module in (openvino_engine, int8_openvino):
        monkeypatch.setattr(module, "require", lambda *_, **__: fake)
    return seen


def test_a_file_is_opened_without_it(compiled, tmp_path):
    (tmp_path / "a.bin").touch()
    with pytest.raises(InputError, match="cannot be opened by OpenVINO: refused"):
        openvino_engine.OpenVinoEngine(tmp_path / "a.xml")
    assert compiled == ["AVX512_CORE_BF16"]


def test_quantising_measures_without_it(compiled):
    picture = np.zeros((3, 17, 17), np.uint8)
    with pytest.raises(RuntimeError, match="refused"):
        int8_openvino.quantised(None, [picture], [picture], layout="nchw", share=0.9)
    assert compiled == ["AVX512_CORE_BF16"]
