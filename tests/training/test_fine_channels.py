"""Logits at output stride 2 in the recipe `finetune`: when it has them, and what takes their place."""

from dataclasses import replace

import pytest

import atrous
from atrous.cli.main import main
from atrous.errors import InputError
from atrous.model.any_backbone import without_fine_decoder
from atrous.model.presets import PRESETS
from atrous.training.recipes import recipe
from atrous.training.settings import replaced_settings
from atrous.training.train_run import chosen_recipe, configured
from fakes.camvid import fake_camvid
from fakes.small_models import small_config

pytestmark = pytest.mark.usefixtures("nothing_drawn")


def test_networks_that_are_named_are_built_as_their_names_say():
    assert recipe("finetune").config.model.decoder.fine_channels == 48
    named = chosen_recipe("finetune", model="deeplabv3plus_efficientnet_lite0").config.model
    assert named == PRESETS["deeplabv3plus_efficientnet_lite0"]
    assert without_fine_decoder(recipe("finetune").config.model) == named
    assert without_fine_decoder(PRESETS["deeplabv3_mobilenet_v2"]) == PRESETS["deeplabv3_mobilenet_v2"]


def test_another_backbone_has_none(monkeypatch):
    """Some networks, such as ConvNeXt, have no map at output stride 2."""
    monkeypatch.setattr("atrous.training.train_run.with_backbone", lambda config, _: config)
    assert chosen_recipe("finetune", backbone="timm:convnext_tiny").config.model.decoder.fine_channels is None


def test_features_at_output_stride_8_take_their_place(tmp_path):
    data = atrous.open_data(fake_camvid(tmp_path / "data"), split="train")
    config, _ = configured(recipe("finetune"), {"middle_level_channels": 24}, data=data, validation=None)
    assert (config.model.decoder.middle_level_channels, config.model.decoder.fine_channels) == (24, None)
    assert replaced_settings({"middle_level_channels": 24, "fine_channels": 8}) == {}
    with pytest.raises(InputError, match="maps at output strides 8, 4 and 2"):
        configured(recipe("finetune"), {"middle_level_channels": 24, "fine_channels": 8}, data=data, validation=None)


@pytest.mark.parametrize(("saved", "option"), [(None, "None"), (6, "6")])
def test_weights_of_a_network_without_them_name_the_option(tmp_path, capsys, saved, option):
    data = fake_camvid(tmp_path / "data")
    config = small_config("deeplabv3plus_mobilenet_v2", classes=11)
    config = replace(config, decoder=replace(config.decoder, fine_channels=saved))
    atrous.save(tmp_path / "old.safetensors", atrous.build(config), labels=atrous.open_data(data, split="train").labels)
    words = ["--recipe", "camvid", "--fine-channels", "9", "--depth-multiplier", "0.1", "--aspp-channels", "8"]
    words += ["--low-level-channels", "4", "--weights", str(tmp_path / "old.safetensors"), "--workers", "0"]
    narrow = ["--projection", "1", "8", "False", "--refinement", "3", "8", "True", "3", "8", "True"]
    assert main(["train", str(data), "--out", str(tmp_path / "run"), *words, *narrow, "--device", "cpu"]) == 2
    assert f"add --fine-channels {option}, or take its backbone alone" in capsys.readouterr().err
