"""A training that starts from a backbone: the network is built as the weights need it, in every stage."""

from dataclasses import replace

import pytest

from atrous.errors import InputError
from atrous.model.build import build
from atrous.model.compatibility import Compatibility
from atrous.training.start import fresh_state
from atrous.weights.archive import save
from fakes.run import CPU, MODEL, changed, small_data


def test_a_backbone_brings_its_details_and_the_next_stage_keeps_them(tmp_path):
    data = small_data(tmp_path)
    theirs = replace(MODEL, compatibility=Compatibility(padded="units", unstrided_rate="after"))
    save(tmp_path / "theirs.safetensors", build(theirs), labels=data.labels, provenance={})
    config = changed(backbone_weights=str(tmp_path / "theirs.safetensors"))
    first = fresh_state(config, data=data, device=CPU).model
    assert first.config == theirs
    save(tmp_path / "first.safetensors", first, labels=data.labels, provenance={})
    config = changed(backbone_weights=None)
    assert config.model.compatibility == Compatibility()
    second = fresh_state(config, data=data, device=CPU, before=tmp_path / "first.safetensors").model
    assert second.config == theirs
    other = replace(config.model, compatibility=Compatibility(low_level="output"))
    with pytest.raises(InputError, match="low_level inside there, output here"):
        fresh_state(changed(model=other), data=data, device=CPU, before=tmp_path / "first.safetensors")
