"""Sources end to end: what becomes of every name, what is refused, what goes back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import MobileNetV2Config as TheirConfig
from transformers import MobileNetV2ForImageClassification, MobileNetV2ForSemanticSegmentation

import atrous
from atrous.cli.main import main
from atrous.errors import InputError
from atrous.importers.convert import convert
from atrous.importers.export_weights import to_hugging_face, to_torchvision
from atrous.importers.projects.read import from_state_dict, read_torch
from atrous.importers.pytorch.state_dict import StateDict
from atrous.labels import PASCAL_VOC, LabelSpace
from atrous.model.build import build
from atrous.model.config import MobileNetV2Config, ModelConfig, ResNetConfig
from atrous.model.conventions import PYTORCH
from atrous.model.presets import PRESETS
from atrous.weights import archive
from atrous.weights.backbone import load_backbone, read_backbone
from reference.weights import drawn, randomize, uniform

FOLDER = Path(__file__).parents[2] / "reference"


def shapes_of(file, name):
    with safe_open(FOLDER / f"{file}.safetensors", "pt") as stored:
        return json.loads(stored.metadata()["shapes"])[name]


def drawn_state(file, name):
    return {key: drawn(key, shape).float() for key, shape in shapes_of(file, name).items()}


@pytest.fixture(scope="module")
def hugging_face(tmp_path_factory):
    """A folder as theirs, with the model that wrote it."""
    labels = {label: f"thing {label}" for label in range(4)}
    config = TheirConfig(output_stride=8, depth_multiplier=0.35, num_labels=4, id2label=labels)
    theirs = randomize(MobileNetV2ForSemanticSegmentation(config)).float()
    folder = tmp_path_factory.mktemp("hugging_face")
    theirs.save_pretrained(folder)
    return folder, theirs


@pytest.mark.parametrize("size", [(65, 49), (64, 50)], ids=["odd", "even"])
@pytest.mark.parametrize("form", ["folder", "safetensors", "bin"])
def test_hugging_face(hugging_face, tmp_path, size, form):
    folder, theirs = hugging_face
    path = folder if form == "folder" else folder / "model.safetensors"
    if form == "bin":
        path = tmp_path / "pytorch_model.bin"
        torch.save(theirs.state_dict(), path)
        (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    found = atrous.load(path)
    assert found.labels.names == ("thing 0", "thing 1", "thing 2", "thing 3")
    assert found.model.config.output_stride == 8
    image = uniform(1, 3, *size, low=0, high=255).float()
    with torch.no_grad():
        expected = theirs((image - 127.5) / 127.5).logits
        torch.testing.assert_close(found.model(image), expected, rtol=0, atol=1e-4)
        whole = torch.nn.functional.interpolate(expected, size, mode="bilinear", align_corners=False)
        torch.testing.assert_close(found.model.logits(image), whole, rtol=0, atol=1e-4)
    assert expected.std() > 0.1


def test_hugging_face_and_back(hugging_face, tmp_path):
    folder, theirs = hugging_face
    found = atrous.load(folder)
    to_hugging_face(tmp_path / "back", found.model, labels=found.labels)
    back = MobileNetV2ForSemanticSegmentation.from_pretrained(tmp_path / "back").eval()
    assert back.config.id2label == theirs.config.id2label
    state, again = theirs.state_dict(), back.state_dict()
    unused = [name for name in state if name.startswith("mobilenet_v2.conv_1x1.")]
    assert len(unused) == 6
    assert all(torch.equal(state[name], again[name]) for name in state if name not in unused)
    twice = atrous.load(tmp_path / "back").model
    assert twice.config == found.model.config
    assert all(torch.equal(value, twice.state_dict()[name]) for name, value in found.model.state_dict().items())


def test_a_classifier_of_hugging_face_is_a_backbone(tmp_path):
    theirs = randomize(MobileNetV2ForImageClassification(TheirConfig(depth_multiplier=0.35, num_labels=7))).float()
    theirs.save_pretrained(tmp_path)
    source = read_torch(tmp_path)
    assert not source.segments
    with pytest.raises(InputError, match="segments nothing; use it as backbone weights"):
        atrous.load(tmp_path)
    config = ModelConfig(MobileNetV2Config(0.35, channel_divisor=8), conventions=source.config.conventions, classes=3)
    model = build(config)
    transfer = load_backbone(model, tmp_path)
    assert set(transfer.filled) == {name for name in model.state_dict() if name.startswith("backbone.")}
    image = uniform(1, 3, 33, 40, low=0, high=255).float()
    with torch.no_grad():
        expected = theirs.mobilenet_v2((image - 127.5) / 127.5, output_hidden_states=True).hidden_states[-1]
        model.eval().output_stride = 32
        found = model.backbone(model.preprocess(image, output_stride=32)).high
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


TORCHVISION = [
    ("torchvision_deeplabv3", "resnet50"),
    ("torchvision_mobilenet_v3", "deeplabv3_large"),
    ("torchvision_mobilenet_v3", "lraspp_large"),
]


@pytest.mark.parametrize(("file", "name"), TORCHVISION)
def test_torchvision_and_back(tmp_path, file, name):
    """Their numbers are compared in tests/model; here that every bit comes back."""
    theirs = drawn_state(file, name)
    source = from_state_dict(StateDict(theirs))
    assert source.labels == PASCAL_VOC
    assert set(source.skipped) == {key for key in theirs if key.startswith("aux_classifier.")}
    converted = convert(source)
    assert not converted.fresh
    to_torchvision(tmp_path / "back.safetensors", converted.model)
    back = load_file(tmp_path / "back.safetensors")
    assert back.keys() == theirs.keys() - source.skipped.keys()
    assert all(torch.equal(back[key], theirs[key]) for key in back)


def test_what_torchvision_does_not_build_is_not_given_back(tmp_path):
    model = atrous.deeplabv3plus_mobilenet_v2(3)
    with pytest.raises(InputError, match="torchvision has no DeepLab with this backbone"):
        to_torchvision(tmp_path / "x", model)
    model = build(replace(PRESETS["deeplabv3_resnet50"], backbone=ResNetConfig(50, multi_grid=(1, 2, 4))))
    with pytest.raises(InputError, match=r"torchvision's network has backbone .*; it cannot be given back"):
        to_torchvision(tmp_path / "x", model)
    with pytest.raises(InputError, match="Hugging Face's network has head"):
        to_hugging_face(tmp_path / "x", atrous.deeplabv3_mobilenet_v2_aspp(3), labels=LabelSpace.unnamed(3))
    assert not list(tmp_path.iterdir())


def test_a_missing_an_unknown_and_a_bent_tensor_are_named():
    state = drawn_state("peer_vainf", "vainf_deeplabv3plus_mobilenet")
    without = {name: tensor for name, tensor in state.items() if name != "classifier.aspp.convs.2.1.bias"}
    with pytest.raises(InputError, match=r"aspp\.branches\.aspp2\.norm\.bias is missing"):
        from_state_dict(StateDict(without))
    with pytest.raises(InputError, match=r"not a network of VainF.*: classifier\.extra\.weight$"):
        from_state_dict(StateDict({**state, "classifier.extra.weight": torch.zeros(1)}))
    bent = {**state, "classifier.aspp.convs.1.0.weight": torch.zeros(256, 320, 1, 1)}
    with pytest.raises(
        InputError, match=r"aspp1\.conv\.weight has the shape \(256, 320, 1, 1\) where .*\(256, 320, 3, 3\)"
    ):
        from_state_dict(StateDict(bent))


JFZHANG95 = ("aspp.aspp1.atrous_conv.weight", "decoder.last_conv.0.weight")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["aspp.c0.weight", "layer1.conv1.conv.weight"], "DeepLabv2 of kazuto1011"),
        (["aspp.stages.c0.conv.weight"], "stride in their 1x1 convolutions and its pooling rounds sizes up"),
        ([*JFZHANG95, "backbone.block1.rep.0.weight"], "behind the ReLU"),
        ([*JFZHANG95, "backbone.features.0.0.weight"], "rates grow only"),
        ([*JFZHANG95, "backbone.layer0.0.weight"], "with DRN"),
        (["decode_head.conv_seg.weight"], "MMSegmentation with another head than DeepLab's"),
        (["a.weight", "b.weight"], r"no project that is known here; its tensors are a\.weight, b\.weight"),
        ([], "its tensors are none"),
        (["aspp.aspp1.weight", "layer4.0.conv1.weight"], "DeepLabv3 of chenxi116"),
        (["aspp.branch5_conv.weight", "cls_conv.weight", "backbone.layer4.0.conv1.weight"], "YudeWang/deeplabv3plus"),
        (["mobilevitv2.conv_stem.convolution.weight"], "MobileViT, which is not built here"),
        (["layer3.0.conv1.weight", "layer4.0.conv1.weight"], "a ResNet with 1 units in its third block"),
    ],
)  # fmt: skip
def test_what_is_not_built_here_is_refused_by_name(names, message):
    with pytest.raises(InputError, match=message):
        from_state_dict(StateDict({name: torch.zeros(1) for name in names}))


def test_xception_of_timm():
    """Their features are compared in tests/model."""
    source = from_state_dict(StateDict(drawn_state("timm_xception", "xception41")))
    assert set(source.skipped) == {"head.fc.weight", "head.fc.bias"}
    assert source.config.backbone == PRESETS["deeplabv3plus_xception41"].backbone
    assert source.config.conventions == PRESETS["deeplabv3plus_xception41"].conventions
    expected = drawn("blocks.1.stack.conv2.conv_pw.weight", (256, 256, 1, 1)).float()
    assert torch.equal(source.state["backbone.units.1.separable2.pointwise.conv.weight"], expected)


def test_rows_are_copied_by_the_name_of_their_class():
    source = from_state_dict(StateDict(drawn_state("torchvision_mobilenet_v3", "lraspp_large")))
    converted = convert(source, labels=LabelSpace(("sky", "dog", "cat")))
    ours, theirs = converted.model.state_dict(), source.state
    for name in ("classifier.weight", "classifier.bias", "middle_classifier.weight"):
        assert torch.equal(ours[name][1], theirs[name][PASCAL_VOC.names.index("dog")])
        assert torch.equal(ours[name][2], theirs[name][PASCAL_VOC.names.index("cat")])
        assert not any(torch.equal(ours[name][0], row) for row in theirs[name])
        assert converted.fresh[name] == "rows of classes that the source does not name: sky"
    assert torch.equal(ours["aspp.gate.weight"], theirs["aspp.gate.weight"])


def test_random_numbers_of_the_caller_go_on():
    source = from_state_dict(StateDict(drawn_state("torchvision_mobilenet_v3", "lraspp_large")))
    torch.manual_seed(7)
    expected = torch.rand(8)
    torch.manual_seed(7)
    first, second = (convert(source, labels=LabelSpace(("sky", "sea"))).model.state_dict() for _ in range(2))
    assert torch.equal(torch.rand(8), expected)
    assert torch.equal(first["classifier.weight"], second["classifier.weight"])  # random, and yet the same
    other = convert(source, labels=LabelSpace(("sky", "sea")), seed=1).model.state_dict()
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_names_for_classes_that_had_none_change_no_number():
    source = replace(from_state_dict(StateDict(drawn_state("torchvision_mobilenet_v3", "lraspp_large"))), labels=None)
    names = LabelSpace(tuple(f"kind {label}" for label in range(21)))
    converted = convert(source, labels=names)
    assert converted.labels == names
    assert not converted.fresh
    assert torch.equal(converted.model.state_dict()["classifier.weight"], source.state["classifier.weight"])


def test_values_that_are_no_numbers_are_named():
    state = drawn_state("torchvision_mobilenet_v3", "lraspp_large")
    state["backbone.0.1.running_var"][3] = float("nan")
    with pytest.raises(InputError, match=r"backbone\.stem\.norm\.running_var holds values that are no finite numbers"):
        convert(from_state_dict(StateDict(state)))


def test_one_command_and_its_report(tmp_path, capsys):
    state = drawn_state("torchvision_mobilenet_v3", "lraspp_large")
    torch.save({"model": state, "epoch": 3, "args": object()}, tmp_path / "theirs.pth")
    (tmp_path / "classes.txt").write_text("background\nperson\nrobot\n")
    arguments = [str(tmp_path / "theirs.pth"), str(tmp_path / "ours.safetensors")]
    assert main(["convert", *arguments, "--classes", str(tmp_path / "classes.txt"), "--output-stride", "32"]) == 0
    shown = capsys.readouterr().out
    assert "format   torchvision LR-ASPP, MobileNetV3 large" in shown
    assert "skipped  no tensors of the network: epoch, args" in shown
    assert "fresh    rows of classes that the source does not name: robot: classifier.weight" in shown
    ours = archive.load(tmp_path / "ours.safetensors")
    assert ours.labels.names == ("background", "person", "robot")
    assert ours.model.config.output_stride == 32
    assert ours.provenance["source"] == "theirs.pth"
    person = PASCAL_VOC.names.index("person")
    assert torch.equal(ours.model.classifier.bias[1], state["classifier.high_classifier.bias"][person])


EVIL = "evil\n\x1b[2J\u202e"
TOLD = "evil \ufffd[2J\ufffd"


def test_names_from_files_cannot_steer_the_terminal(tmp_path, capsys):
    state = drawn_state("torchvision_mobilenet_v3", "lraspp_large")
    torch.save({"model": state, EVIL: 3}, tmp_path / "theirs.pth")
    assert main(["convert", str(tmp_path / "theirs.pth"), str(tmp_path / "ours.safetensors")]) == 0
    assert f"skipped  no tensors of the network: {TOLD}\n" in capsys.readouterr().out
    torch.save({EVIL: torch.zeros(1)}, tmp_path / "theirs.pth")
    with pytest.raises(InputError) as error:
        read_torch(tmp_path / "theirs.pth")
    assert str(error.value).endswith(f"its tensors are {TOLD} ...")
    assert str(error.value).isprintable()


def test_a_complaint_is_one_printable_line(capsys):
    assert main(["convert", EVIL, "ours.safetensors"]) == 2
    assert capsys.readouterr().err.startswith(f"atrous convert: no such file: {TOLD}; give")


def test_the_command_refuses(tmp_path, capsys):
    torch.save({"a.weight": torch.zeros(2)}, tmp_path / "theirs.pth")
    assert main(["convert", str(tmp_path / "theirs.pth"), str(tmp_path / "ours.safetensors")]) == 2
    assert "a network of no project that is known here" in capsys.readouterr().err
    archive.save(tmp_path / "ours.safetensors", atrous.deeplabv3_mobilenet_v2(2))
    assert main(["convert", str(tmp_path / "ours.safetensors"), str(tmp_path / "x")]) == 2
    assert "say --to torchvision or" in capsys.readouterr().err


def test_imagenet_weights_bring_their_conventions(tmp_path):
    """A ResNet of theirs strides in other units than the official code's; a fresh model is built as they need it."""
    state = drawn_state("peer_timm", "timm_mobilenetv2_050")
    save_file(state, tmp_path / "mobilenet.safetensors")
    found = read_backbone(tmp_path / "mobilenet.safetensors")
    ours = replace(PRESETS["deeplabv3plus_mobilenet_v2"], backbone=MobileNetV2Config(0.5, channel_divisor=8))
    network = found.adopted(ours)
    adopted = network.conventions
    assert (adopted.conv_padding, adopted.backbone_epsilon) == ("symmetric", 1e-5)
    assert (adopted.input_mean, adopted.input_std) == (PYTORCH.input_mean, PYTORCH.input_std)
    assert (adopted.align_corners, adopted.fit, adopted.head_epsilon) == (True, "os*k+1", 1e-5)
    model = build(network)
    load_backbone(model, found)
    assert torch.equal(model.state_dict()["backbone.stem.conv.weight"], state["conv_stem.weight"])
