"""A run folder stands for its last checkpoint wherever weights are taken; folders of several runs are named."""

import pytest
import torch

import atrous
from atrous.cli.main import main
from atrous.weights.backbone import read_backbone
from atrous.weights.download import resolve
from fakes.lively_model import lively_model


@pytest.fixture
def run(tmp_path):
    """The files of a run folder that matter: two checkpoints with other numbers of classes."""
    folder = tmp_path / "runs" / "street"
    folder.mkdir(parents=True)
    atrous.save(folder / "last.safetensors", lively_model(classes=4), provenance={})
    atrous.save(folder / "best.safetensors", lively_model(classes=5), provenance={})
    for name in ("config.json", "metrics.jsonl"):
        (folder / name).write_text("{}")
    return folder


def test_functions_take_it_and_the_log_says_what_is_used(run, caplog):
    weight = lively_model(classes=4).classifier.weight
    for loaded in (atrous.load(run), atrous.load(str(run)), atrous.Predictor(run)):
        assert torch.equal(loaded.model.classifier.weight, weight)
    assert set(read_backbone(run).state) == set(lively_model().backbone.state_dict())
    assert caplog.messages == [f"{run} is a run folder; its last.safetensors is used"] * 4


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ("info {run} --size 33", "{run} on 33x33 pixels"),
        ("bench {run} --size 33 --rounds 1 --device cpu", "{run} at output stride 16"),
        ("convert {run} {run}/other.safetensors --to torchvision", "torchvision has no DeepLab with this backbone"),
    ],
)
def test_verbs_take_it_and_say_what_is_used(run, arguments, shown, capsys, caplog):
    main([word.format(run=run) for word in arguments.split()])
    assert caplog.messages == [f"{run} is a run folder; its last.safetensors is used"]
    printed = capsys.readouterr()
    assert shown.format(run=run) in printed.out + printed.err


def test_a_folder_of_runs_and_an_unfinished_run_are_named(run):
    with pytest.raises(atrous.InputError, match=f"{run.parent} holds 1 run folders; give one of them, such as {run}$"):
        resolve(run.parent)
    (run / "last.safetensors").unlink()
    with pytest.raises(atrous.InputError, match=r"that has saved no last\.safetensors yet; train to its first"):
        resolve(run)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("mobilenetv2-vok", "no such file: mobilenetv2-vok; did you mean 'mobilenetv2-voc'?"),
        ("MobileNetV2_VOC", "no such file: MobileNetV2_VOC; did you mean 'mobilenetv2-voc'?"),
        ("deeplabv3_resnet5", "no such file: deeplabv3_resnet5; did you mean 'deeplabv3_resnet50'?"),
        ("deeplabv3_resnet50", "deeplabv3_resnet50 is a network, and has no trained weights by that name"),
        ("https://example.org/a.pth", "weights are not read from an address; download the file and give its path"),
        ("something", "give a file of weights, or a name that `atrous weights` lists"),
    ],
)
def test_what_is_no_weights_gets_a_hint(source, message):
    with pytest.raises(atrous.InputError) as found:
        resolve(source)
    assert message in str(found.value)


def test_a_misspelled_path_gets_the_name_beside_it(run):
    wrong = run.parent / "stret"
    with pytest.raises(atrous.InputError, match=f"no such file: {wrong}; did you mean '{run}'"):
        resolve(wrong)
