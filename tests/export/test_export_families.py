"""One network of each family of backbones and heads is exported for all sizes and agrees with its weights."""

import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from atrous.export.gate import Gate
from atrous.export.graph import ExportGraph
from atrous.export.onnx_file import DEFAULT_OPSET, onnx_model, save_onnx
from atrous.export.program import record_with_logits
from atrous.export.proof import prove
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.onnx_runtime import OnnxRuntimeEngine
from atrous.labels import LabelSpace
from atrous.model.backbones.units import UnitSequence
from atrous.model.build import build
from atrous.model.config import DecoderConfig, ModelConfig, ResNetConfig
from atrous.model.norm import norms
from atrous.model.presets import preset

CASCADE = replace(
    preset("deeplabv3_cascade_resnet50"), backbone=ResNetConfig(depth=18, multi_grid=(1, 2, 1), added_blocks=1)
)
FAMILIES = {
    "MobileNetV3, Lite R-ASPP with window means": preset("lraspp_mobilenet_v3_small"),
    "EfficientNet-Lite, DeepLabv3+ with logits at 2": replace(
        preset("deeplabv3plus_efficientnet_lite0"), decoder=DecoderConfig(fine_channels=6)
    ),
    "ResNet, cascade": CASCADE,
    "Xception, DeepLabv3+": preset("deeplabv3plus_xception41"),
}


class NoUnit(nn.Identity):
    """Takes the place of a unit."""

    def plan(self, **_):
        """Do nothing: it has neither stride nor rate."""


def without_repetitions(model):
    """Leave out units that keep the size of their map and differ from an earlier one by their widths alone.

    Recording and converting take a tenth of a second per convolution, and see nothing new in them.
    """
    sequences = [part for part in model.modules() if isinstance(part, UnitSequence)]
    keep_size, seen = set(), set()
    hooks = [
        unit.register_forward_hook(
            lambda unit, given, found: keep_size.add(unit) if given[0].shape == found.shape else None
        )
        for units in sequences
        for unit in units
    ]
    with torch.no_grad():
        model(torch.zeros(1, 3, 97, 97, dtype=torch.uint8))
    for hook in hooks:
        hook.remove()
    for units in sequences:
        for number, unit in enumerate(units):
            kind = re.sub(r"Conv2d\(\d+, \d+|groups=[2-9]\d*|groups=1\d+|Norm\(\d+", "", repr(unit))
            if unit in keep_size and kind in seen and number not in units.inside:
                units[number] = NoUnit()
            seen.add(kind)
    return model


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("config", FAMILIES.values(), ids=FAMILIES)
def test_every_family_is_exported(config: ModelConfig, tmp_path, monkeypatch):
    sizes = (
        ("odd", (97, 65), 1),
        ("even", (64, 98), 2),
        ("tiny", (3, 2), 1),
        ("one", (1, 1), 2),
        ("wide", (33, 200), 1),
    )
    monkeypatch.setattr("atrous.export.proof.SIZES", sizes)
    model = without_repetitions(build(replace(config, classes=3)).eval())
    for norm in norms(model):
        torch.nn.init.normal_(norm.running_mean, 0, 0.1)
        torch.nn.init.normal_(norm.bias, 0, 0.1)
    description = ExportDescription(
        LabelSpace.unnamed(3), "logits", "nchw", "float32", in_channels=3, output_stride=model.output_stride
    )
    recorded = record_with_logits(ExportGraph(model, output="logits", layout="nchw"))
    save_onnx(onnx_model(recorded, output="logits", opset=DEFAULT_OPSET), tmp_path / "m.onnx", description=description)
    engine = OnnxRuntimeEngine(tmp_path / "m.onnx")
    proof = prove(model, engine, gate=Gate.choose("float32", None), logits=engine)
    assert proof.passed, proof.table().to_text()
    assert max(one.logit_error for one in proof.comparisons) < 1e-3
