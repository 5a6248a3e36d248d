"""One exported model that the tests of this folder share: recording takes seconds."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import config as shape_checks

from atrous.errors import InputError
from atrous.export.export import export
from atrous.export.onnx_file import onnx_model
from atrous.export.proof import Proof
from atrous.export.web_folder import export_web
from atrous.inference.precision import generated_images
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.config import MobileNetV2Config, ModelConfig
from atrous.model.norm import norms
from atrous.model.presets import preset
from atrous.weights import archive
from atrous.weights.archive import Archive

NAMES = ("road", "sky, with a comma", 'mast "quoted"', "grün", "background")


@dataclass(frozen=True)
class Exported:
    """Weights, the ONNX file of their labels, its proof, and the graph of labels and logits that it was made from."""

    weights: Archive
    path: Path
    proof: Proof
    graph: Any


def random_weights(path: Path, config: ModelConfig) -> Archive:
    """Save random weights whose maps have the statistics of a trained network, and whose labels show every class."""
    torch.manual_seed(0)
    model = build(replace(config, classes=len(NAMES))).eval()
    images = generated_images(3, size=(97, 97), number=4)
    for norm in norms(model):  # fresh ones are all alike: an error in folding them would not show
        norm.weight.data.uniform_(0.8, 1.2)
        norm.bias.data.normal_(1, 0.1)  # around 0 each layer enlarges small differences, such as those of 8 bits
        norm.train().momentum = 1.0
    for norm in norms(model.aspp.pooling):
        norm.weight.data.mul_(0.1)  # otherwise it decides the class of whole pictures
    (classifier,) = model.classifiers
    with torch.no_grad():
        model(images)  # sets the running statistics
        model.eval()
        classifier.bias -= model.logits(images).mean(dim=(0, 2, 3))
    archive.save(path, model, labels=LabelSpace(NAMES), provenance={"trained_on": {"picture_range": [0, 4095]}})
    return archive.load(path)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("exported")
    narrow = replace(preset("deeplabv3_mobilenet_v2"), backbone=MobileNetV2Config(depth_multiplier=0.25))
    weights = random_weights(folder / "weights.safetensors", narrow)
    graphs = []

    def kept(*arguments: Any, **settings: Any) -> Any:
        graphs.append(onnx_model(*arguments, **settings))
        return graphs[0]

    shape_checks.update("jaxtyping_disable", True)  # graphs are recorded with sizes that are no integers
    try:
        with pytest.MonkeyPatch.context() as patches:
            patches.setattr("atrous.export.export.onnx_model", kept)
            proof = export(weights, folder / "labels.onnx")
    finally:
        shape_checks.update("jaxtyping_disable", False)
    return Exported(weights, folder / "labels.onnx", proof, graphs[0])


def use_recorded(exported: Exported, patches: pytest.MonkeyPatch) -> None:
    """Put the recorded graph in the place of recording, and two small images in the place of those of the proof."""
    patches.setattr("atrous.export.export.record_with_logits", lambda _: None)
    patches.setattr("atrous.export.export.onnx_model", lambda *_, **__: exported.graph)
    patches.setattr("atrous.export.proof.SIZES", (("small", (33, 40), 2), ("tiny", (3, 2), 1)))


@pytest.fixture
def recorded(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> Exported:
    """The same, whose exports take the graph that has been recorded."""
    use_recorded(exported, monkeypatch)
    return exported


@pytest.fixture(scope="session")
def openvino_file(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same weights as an OpenVINO file, alone with its weights and proof in a folder; not to be altered."""
    path = tmp_path_factory.mktemp("openvino") / "labels.xml"
    with pytest.MonkeyPatch.context() as patches:
        use_recorded(exported, patches)
        export(exported.weights, path)
    return path


@pytest.fixture(scope="session")
def web_folder(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of these weights; not to be altered. Without npm this skips, or fails with ATROUS_REQUIRE_SHARED."""
    out = tmp_path_factory.mktemp("web") / "page"
    try:
        with pytest.MonkeyPatch.context() as patches:
            use_recorded(exported, patches)
            export_web(exported.weights, out, name="street")
    except InputError as error:
        if os.environ.get("ATROUS_REQUIRE_SHARED") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    return out
