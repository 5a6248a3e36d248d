import json
import re
import tarfile
from pathlib import Path

import pytest
from transformers import MobileNetV2Config as TheirConfig
from transformers import MobileNetV2ForSemanticSegmentation

from atrous.analysis.summary import model_summary
from atrous.cli.info import _model_name
from atrous.cli.main import main
from atrous.model.presets import PRESETS
from atrous.weights.archive import save
from atrous.weights.load import load
from fakes.lively_model import lively_archive


def info(capsys, *arguments):
    """The JSON object that `atrous info ... --json` prints."""
    assert main(["info", *arguments, "--json"]) == 0
    printed = capsys.readouterr()
    assert all(line.startswith("assumed  ") for line in printed.err.splitlines())  # settings that no file states
    return json.loads(printed.out)


@pytest.fixture(scope="module")
def plain_parameters():
    """Of the presets without options."""
    return {
        name: model_summary(config, size=(65, 65)).parameters for name, config in PRESETS.items() if "101" not in name
    }


def unit(found, name):
    (match,) = [entry for entry in found["units"] if entry["name"] == name]
    return match


def complaint(capsys, *arguments):
    """The one line on standard error after bad input."""
    assert main(["info", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


@pytest.mark.parametrize("first", [True, False])
def test_the_folder_of_a_plot_is_not_taken_for_the_model(tmp_path, first):
    figures, run, file = tmp_path / "figures", tmp_path / "run", tmp_path / "w.safetensors"
    figures.mkdir()
    run.mkdir()
    archive = lively_archive()
    for path in (file, run / "last.safetensors"):
        save(path, archive.model, labels=archive.labels, provenance={})
    for model in ("deeplabv3plus_resnet101", str(file), str(run)):
        arguments = ["--plot", str(figures)]
        assert _model_name([model, *arguments] if first else [*arguments, model]) == model
    assert _model_name([str(figures), "--json"]) == str(figures)  # the error will name it


def test_mobile_model(capsys):
    found = info(capsys, "deeplabv3_mobilenet_v2_aspp", "--size", "513", "--output-stride", "16", "--classes", "21")
    assert found["model"] == "deeplabv3_mobilenet_v2_aspp"
    assert (found["size"], found["output_stride"], found["classes"]) == ([513, 513], 16, 21)
    assert found["parameters"] == pytest.approx(4.52e6, abs=0.005e6)
    assert found["multiply_adds"] == pytest.approx(5.36e9, abs=0.005e9)
    assert found["padded_multiply_adds"] == pytest.approx(5.82e9, abs=0.005e9)
    assert unit(found, "stem") == {
        "name": "stem", "stride": 2, "rate": 1, "output_stride": 2, "size": [257, 257],
        "receptive_field": 3,
    }  # fmt: skip
    assert unit(found, "layer_18") == {
        "name": "layer_18", "stride": 1, "rate": 2, "output_stride": 16, "size": [33, 33], "receptive_field": 491,
    }  # fmt: skip
    assert unit(found, "aspp2")["rate"] == 12
    assert [taps["rate"] for taps in found["valid_taps"]] == [6, 12, 18]
    assert [taps["mean"] for taps in found["valid_taps"]] == pytest.approx([0.772, 0.574, 0.405], abs=5e-4)
    shares = found["valid_taps"][0]["shares"]
    assert list(shares) == ["9", "6", "4", "3", "2", "1"]
    assert shares["9"] == pytest.approx((21 / 33) ** 2)
    assert shares["6"] == pytest.approx(2 * 21 * 12 / 33**2)


def test_depth_multiplier(capsys):
    found = info(capsys, "deeplabv3_mobilenet_v2", "--depth-multiplier", "0.5")
    assert found["parameters"] == pytest.approx(0.697e6, abs=0.0005e6)
    assert found["multiply_adds"] == pytest.approx(0.867e9, abs=0.0005e9)
    assert found["valid_taps"] == []


def test_output_stride_and_a_size_that_is_not_square(capsys):
    found = info(capsys, "--size", "1024x2048", "deeplabv3_resnet50", "--output-stride", "8", "--classes", "19")
    assert found["size"] == found["fitted_size"] == [1024, 2048]  # torchvision's conventions do not pad
    assert unit(found, "block4/unit_1") == {
        "name": "block4/unit_1", "stride": 1, "rate": 2, "output_stride": 8, "size": [128, 256], "receptive_field": 299,
    }  # fmt: skip
    assert unit(found, "block4/unit_2")["rate"] == 4
    assert [taps["rate"] for taps in found["valid_taps"]] == [12, 24, 36]
    mean = (128 + 2 * (128 - 12)) / (3 * 128) * (256 + 2 * (256 - 12)) / (3 * 256)
    assert found["valid_taps"][0]["mean"] == pytest.approx(mean)


def test_cascade(capsys):
    found = info(capsys, "deeplabv3_cascade_resnet101", "--output-stride", "64", "--added-blocks", "2")
    assert [entry["name"] for entry in found["units"][-2:]] == ["block6/unit_3", "classifier"]
    assert unit(found, "block6/unit_2")["rate"] == 4
    assert found["valid_taps"] == []


def test_xception(capsys):
    """papers.md, section 8: v3+ X65 with plain ASPP and decoder at output stride 8."""
    found = info(capsys, "deeplabv3_xception65", "--decoder", "--output-stride", "8", "--depth", "65")
    assert found["multiply_adds"] == pytest.approx(248.78e9, abs=0.005e9)
    assert unit(found, "conv1_2") == {
        "name": "conv1_2", "stride": 1, "rate": 1, "output_stride": 2, "size": [257] * 2, "receptive_field": 7,
    }  # fmt: skip
    assert unit(found, "exit_flow/block2")["rate"] == 4
    shallow = info(capsys, "deeplabv3_xception65", "--depth", "41")
    assert len(shallow["units"]) == len(found["units"]) - 3 - 8  # neither the decoder nor half of the middle flow


def test_lite_r_aspp(capsys):
    found = info(capsys, "lraspp_mobilenet_v3_large", "--size", "1025x2049", "--output-stride", "32", "--classes", "19")
    assert found["parameters"] == pytest.approx(1.51e6, abs=0.005e6)
    assert unit(found, "layer_16")["output_stride"] == 32
    assert unit(found, "features")["size"] == [33, 65]
    assert unit(found, "middle_classifier")["size"] == unit(found, "classifier")["size"] == [129, 257]
    assert found["valid_taps"] == []
    # 120 channels inside layer 7 and the 40 that it gives, each to 21 classes.
    inside = info(capsys, "lraspp_mobilenet_v3", "--middle-level", "7", "depthwise")
    after = info(capsys, "lraspp_mobilenet_v3", "--middle-level", "7", "output")
    assert inside["parameters"] - after["parameters"] == (120 - 40) * 21


OPTIONS = {
    "--depth 101 --multi-grid 1 2 4 --stride-unit last": {"block4/unit_3": 8, "block3/unit_23": 1},
    "--rates 3 --no-image-pooling": {"aspp0": 1, "aspp1": 3},
    "--added-blocks 1 --stride-unit last": {"block4/unit_3": 2, "block5/unit_3": 4, "aspp1": 6},
}


@pytest.mark.parametrize("options", OPTIONS)
def test_rates_follow_the_options(options, capsys):
    found = info(capsys, "deeplabv3_resnet50", *options.split())
    assert {name: unit(found, name)["rate"] for name in OPTIONS[options]} == OPTIONS[options]
    assert ("image_pooling" in {entry["name"] for entry in found["units"]}) == ("pooling" not in options)


@pytest.mark.parametrize(
    ("preset", "options", "difference"),
    # Parameters by hand: weights, and two numbers per channel for each batch norm.
    [
        ("deeplabv3_mobilenet_v2", "--classes 22", 256 + 1),
        ("deeplabv3_mobilenet_v2", "--in-channels 4", 32 * 9),
        ("deeplabv3_mobilenet_v2", "--no-image-pooling", -(320 * 256 + 512) - 256 * 256),
        ("deeplabv3_mobilenet_v2", "--rates 6", 320 * 256 * 9 + 512 + 256 * 256),
        ("deeplabv3_mobilenet_v2", "--rates 6 --separable", (320 * 9 + 640) + (320 * 256 + 512) + 256 * 256),
        ("deeplabv3_mobilenet_v2", "--projection 1 128 False", -(512 * 128 + 256) - 128 * 21),
        ("deeplabv3_mobilenet_v2", "--aspp-channels 128", -2 * (320 * 128 + 256) - 256 * 256),
        ("deeplabv3_mobilenet_v2", "--input-mean 1 2 3 --fit none --no-align-corners --dropout 0.5", 0),
        # 144 channels at output stride 4 to 48, joined with 256, two 3x3.
        (
            "deeplabv3_mobilenet_v2",
            "--decoder",
            (144 * 48 + 96) + (304 * 256 * 9 + 512) + (256 * 256 * 9 + 512),
        ),
        ("deeplabv3_mobilenet_v2", "--decoder --refinement 3 64 True --low-level-channels 32",
         (144 * 32 + 64) + (288 * 9 + 576 + 288 * 64 + 128) - 192 * 21),
        # 7x7 with 64 channels to 3x3 with 64, 64, 128; block1 then reads 128 channels twice.
        ("deeplabv3_resnet50", "--stem beta",
         -(3 * 64 * 49 + 128) + (3 * 64 * 9 + 128) + (64 * 64 * 9 + 128) + (64 * 128 * 9 + 256) + 64 * (64 + 256)),
        ("deeplabv3plus_mobilenet_v2", "--refinement 3 256 True",
         -(256 * 9 + 512 + 256 * 256 + 512)),
        # The features at output stride 8 have 192 channels.
        ("deeplabv3plus_mobilenet_v2", "--middle-level-channels 32 --middle-refinement 3 256 True",
         (192 * 32 + 64) + (288 * 9 + 576 + 288 * 256 + 512)),
        ("deeplabv3plus_mobilenet_v2", "--no-decoder",
         -(144 * 48 + 96) - (304 * 9 + 608 + 304 * 256 + 512) - (256 * 9 + 512 + 256 * 256 + 512)),
    ],
)  # fmt: skip
def test_every_field_is_an_option(preset, options, difference, plain_parameters, capsys):
    changed = info(capsys, preset, "--size", "65", *options.split())
    assert changed["parameters"] - plain_parameters[preset] == difference


def test_official_weights(shared, capsys):
    found = info(capsys, str(shared / "weights" / "deeplabv3_mnv2_dm05_voc_257_float.tflite"))
    assert found["size"] == [257, 257]
    assert (found["output_stride"], found["classes"], found["parameters"]) == (8, 21, 697013)
    assert unit(found, "layer_18")["rate"] == 4


@pytest.fixture
def folder(tmp_path):
    """A small network of Hugging Face's, as they save it."""
    config = TheirConfig(depth_multiplier=0.1, output_stride=8, num_labels=4)
    MobileNetV2ForSemanticSegmentation(config).save_pretrained(tmp_path / "theirs")
    return tmp_path / "theirs"


def test_a_folder_of_another_project(folder, tmp_path, capsys):
    plot = ("--plot", str(tmp_path / "sheet.svg"))
    found = info(capsys, "--size", "65", str(folder), *plot)
    assert (found["model"], found["output_stride"], found["classes"]) == (str(folder), 8, 4)
    expected = load(folder).model
    assert found["parameters"] == sum(parameter.numel() for parameter in expected.parameters())
    assert "Effective receptive field, weights of the file" in (tmp_path / "sheet.svg").read_text()
    assert info(capsys, str(folder), "--size", "65", "--output-stride", "16")["output_stride"] == 16


@pytest.mark.parametrize("part", ["", "model.ckpt", "model.ckpt.index"])
def test_a_checkpoint_of_several_files(part, tmp_path, capsys):
    with tarfile.open(Path(__file__).parents[1] / "reference" / "tensorflow_tiny.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    found = info(capsys, str(tmp_path / "deeplabv3_tiny" / part), "--size", "65")
    assert (found["output_stride"], found["classes"]) == (16, 5)


def test_weights_are_loaded_once(folder, tmp_path, monkeypatch, capsys):
    loaded = []
    monkeypatch.setattr(
        "atrous.cli.inference.load", lambda *given, **more: loaded.append(given) or load(*given, **more)
    )
    info(capsys, str(folder), "--size", "65", "--plot", str(tmp_path / "sheet.svg"))
    assert loaded == [(str(folder),)]


def test_a_folder_without_weights_is_no_model(tmp_path, capsys):
    assert f"{tmp_path}: a folder without a checkpoint" in complaint(capsys, str(tmp_path))


def test_readable_table(capsys):
    assert main(["info", "deeplabv3_mobilenet_v2_aspp", "--size", "360x480", "--output-stride", "8"]) == 0
    printed = capsys.readouterr().out
    assert "deeplabv3_mobilenet_v2_aspp on 360x480 pixels, padded to 361x481" in printed
    assert "output stride 8, 21 classes" in printed
    assert "4.524 M parameters" in printed
    assert re.search(r"[\d.]+ B multiply-adds \([\d.]+ B with TensorFlow's padding", printed)
    (row,) = [line for line in printed.splitlines() if "layer_18" in line]
    assert row.split() == ["layer_18", "1", "4", "8", "46x61", "491"]
    assert "receptive field 1067 pixels, image pooling left out" in printed
    (row,) = [line for line in printed.splitlines() if line.split()[:1] == ["24"]]
    mean = (46 + 2 * (46 - 24)) / (3 * 46) * (61 + 2 * (61 - 24)) / (3 * 61)
    assert row.split()[1] == f"{mean:.3f}"
    assert "warning" not in printed


def test_rates_beyond_the_map_are_warned_about(capsys):
    assert main(["info", "deeplabv3_mobilenet_v2_aspp", "--size", "193x321"]) == 0
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert warnings == ["warning: aspp3 has rate 18 on a map of 13x21: at most 3 of its 9 taps see more than padding"]


def test_help_shows_options_and_an_example(capsys):
    for arguments in (["info", "--help"], ["info", "deeplabv3_resnet50", "--help"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        printed = capsys.readouterr().out
        assert "Example: atrous info deeplabv3plus_resnet101 --size 1025x2049" in printed
        assert "--low-level-channels" in printed
    assert "--multi-grid" in printed


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", "atrous info: which model? give a file of weights, or one of deeplabv3_mobilenet_v2, "),
        ("--json", "atrous info: which model? "),
        ("deeplabv3-resnet50", "atrous info: unknown model 'deeplabv3-resnet50'; did you mean 'deeplabv3_resnet50'?"),
        ("mobilenetv2-vok", "atrous info: unknown model 'mobilenetv2-vok'; did you mean 'mobilenetv2-voc'?"),
        ("deeplab", "atrous info: unknown model 'deeplab'; known: deeplabv3_mobilenet_v2, "),
        ("deeplabv3_resnet50 --output-stride 12", "output stride 12 is impossible; choose one of 4, 8, 16, 32"),
        ("deeplabv3_resnet50 --output-stride 128", "output stride 128 is impossible"),
        ("deeplabv3_resnet50 --output-stride x", "Error parsing --output-stride"),
        ("deeplabv3_resnet50 --size big", "size 'big' is not a size; give pixels, as 513 or 1025x2049"),
        ("deeplabv3_resnet50 --size 0", "size 0x0 is out of range; choose 1 to 65536"),
        ("deeplabv3_resnet50 --size=-5", "size '-5' is not a size"),
        ("deeplabv3_resnet50 --size 999999999", "out of range"),
        ("deeplabv3_resnet50 --size 5x6x7", "size '5x6x7' is not a size"),
        ("deeplabv3_resnet50 --classes 0", "0 classes are out of range"),
        ("deeplabv3_resnet50 --rates 3 --output-stride 32", "ASPP rate 3"),
        ("deeplabv3_resnet50 --depth 35", "'35'"),
        ("deeplabv3plus_efficientnet_lite0 --depth-multiplier 0.5", "--depth-multiplier"),
        ("deeplabv3_xception65 --depth 50", "'50'"),
        ("deeplabv3_xception65 --multi-grid 1 2 4", "--multi-grid"),
        ("deeplabv3_cascade_resnet50 --added-blocks 4", "4 added blocks are out of range; choose 0 to 3"),
        ("deeplabv3_cascade_resnet50 --output-stride 512", "choose one of 4, 8, 16, 32, 64, 128, 256"),
        ("deeplabv3_cascade_resnet50 --decoder", "the decoder refines what an ASPP gives"),
        ("deeplabv3_cascade_resnet50 --rates 6", "--rates"),
        ("deeplabv3_resnet50 --added-blocks 1 --output-stride 64", "output stride 64 runs without ASPP only"),
        ("deeplabv3_resnet50 --stem 5x5", "'5x5'"),
        ("lraspp_mobilenet_v3 --decoder", "the decoder refines what an ASPP gives"),
        ("lraspp_mobilenet_v3 --rates 6", "--rates"),
        ("lraspp_mobilenet_v3 --middle-level 8 output", "8 is not at (8, 'output'); choose layer 5, 6, 7"),
        ("lraspp_mobilenet_v3 --variant medium", "'medium'"),
        ("deeplabv3_resnet50 --tail-multiplier 0.5", "--tail-multiplier"),
        ("deeplabv3_resnet50 --colour red", "--colour"),
        ("deeplabv3_resnet50 --multi-grid 1 2", "--multi-grid"),
        ("deeplabv3_resnet50 --low-level-channels 8", "options of the decoder were given but there is none; add"),
        ("deeplabv3plus_resnet50 --no-decoder --refinement 3 8 True", "add --decoder"),
        ("deeplabv3plus_resnet50 --middle-refinement 3 256 False", "give middle-level channels, as 48"),
        ("deeplabv3plus_resnet50 --middle-level-channels many", "--middle-level-channels"),
        ("deeplabv3_mobilenet_v2 --input-std 0", "input std"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(arguments, expected, capsys):
    assert expected in complaint(capsys, *arguments.split())


def test_a_complaint_stays_whole_in_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    line = complaint(capsys, "deeplabv3_resnet50", *(f"--unknown-option-{number}" for number in range(6)))
    listed = ", ".join(f"--unknown-option-{number}" for number in range(6))
    assert line.replace(" ,", ",") == f"atrous info: Unrecognized options: {listed}; see atrous info --help"


def test_a_file_that_is_no_weights(tmp_path, capsys):
    path = tmp_path / "[red]weights.safetensors"
    path.write_bytes(b"nothing")
    assert str(path) in complaint(capsys, str(path))


def test_a_name_too_long_for_any_file_is_one_line(capsys):
    assert main(["info", "a" * 300]) == 2
    assert capsys.readouterr().err.count("\n") == 1
