"""Training from a teacher: numbers against torch's own operations, the same bits after an interruption, bad input."""

import copy
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import atrous
from atrous.cli.main import main
from atrous.data.loader import Batch
from atrous.errors import InputError
from atrous.model.build import build
from atrous.training.batches import step_batches
from atrous.training.config import DistillationConfig
from atrous.training.loss import SegmentationLoss
from atrous.training.run import Run
from atrous.training.stages import Stage
from atrous.training.start import fresh_state
from atrous.training.step import train_step
from atrous.training.teacher import Teacher, load_teacher
from atrous.training.unlabelled import unlabelled_pictures
from atrous.weights.archive import save
from fakes.run import CPU, MODEL, changed, small_data

pytestmark = pytest.mark.usefixtures("nothing_drawn")

QUIET = replace(MODEL, head=replace(MODEL.head, dropout=0.0))
SMALL = (
    "--recipe scenes --device cpu --iterations 2 --norm-momentum 0.9 --validate-every 2 --batch-size 4 --crop 17 17 "
    "--depth-multiplier 0.1 --aspp-channels 8 --workers 0"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unlabelled")
    generator = np.random.default_rng(0)
    for number, shape in enumerate([(20, 30, 3), (9, 40, 3), (33, 17)]):  # the second is lower than the crop
        Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def teacher_model():
    """A network whose classes differ from pixel to pixel, sure to different degrees."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = build(QUIET).eval().requires_grad_(requires_grad=False)
        torch.nn.init.normal_(model.classifier.weight, std=2)
    return model


def teacher_of(confidence: float = 0.8, weight: float = 1.0) -> Teacher:
    return Teacher(teacher_model(), torch.arange(11), "ab" * 32, confidence, weight)


def crops(seed: int, *, ignored_rows: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (2, 3, 17, 17), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 11, (2, 17, 17), dtype=torch.uint8, generator=generator)
    labels[0, :ignored_rows] = 11
    return Batch(images, labels, ("a", "b"))


def stepped(data, *, unlabelled: Batch | None, parts: int = 1):
    config = changed(model=QUIET, norms="frozen", batch_size=4 if unlabelled else 2, accumulate=parts)
    state = fresh_state(config, data=data, device=CPU)
    before = copy.deepcopy(state.model)
    loss_function = SegmentationLoss(data, device=CPU)
    done = train_step(
        state,
        config,
        batch=crops(0, ignored_rows=3),
        rate=0.5,
        loss_function=loss_function,
        device=CPU,
        teacher=teacher_of(weight=0.7),
        unlabelled=unlabelled,
    )
    return done, state.model, before


@pytest.mark.parametrize("semi_supervised", [True, False], ids=["unlabelled", "labelled"])
def test_a_step_is_that_of_plain_torch(data, semi_supervised):
    """Upsampled with `F.interpolate`: cross entropy with labels, plus 0.7 x that with probabilities of at least 0.8."""
    unlabelled = crops(1, ignored_rows=5) if semi_supervised else None
    done, found, model = stepped(data, unlabelled=unlabelled)
    batch, taught = crops(0, ignored_rows=3), unlabelled or crops(0, ignored_rows=3)
    images = torch.cat([batch.images, taught.images]) if unlabelled else batch.images

    def full(network, of):
        return F.interpolate(network(of), size=(17, 17), mode="bilinear", align_corners=True)

    logits = full(model, images)
    labels = batch.labels.long()
    sums = F.cross_entropy(logits[:2], labels, ignore_index=11, reduction="sum")
    probabilities = full(teacher_model(), taught.images).softmax(1)
    counted, asked = probabilities.amax(1) >= 0.8, taught.labels != 11
    losses = -(probabilities * logits[-2:].log_softmax(1)).sum(1)
    pixels = (labels != 11).sum() + (asked.sum() if unlabelled else 0)
    expected = (sums + 0.7 * losses[counted & asked].sum()) / pixels
    assert 0.1 < (counted & asked).sum() / asked.sum() < 0.9
    assert done.confident is not None
    assert done.confident.item() == pytest.approx(((counted & asked).sum() / asked.sum()).item())
    assert done.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    expected.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        decay = 4e-5 if parameter.ndim == 4 and parameter.shape[1] > 1 else 0.0
        moved = parameter - 0.5 * (parameter.grad + decay * parameter)
        torch.testing.assert_close(found.get_parameter(name), moved, rtol=1e-4, atol=1e-5)


def test_the_loss_of_wide_crops_is_that_of_plain_torch():
    teacher, student = teacher_of(confidence=0.0, weight=1.0), teacher_model()
    images = torch.randint(0, 256, (2, 3, 17, 33), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    coarse = student(images) * 0.5
    found, _ = teacher.loss(student, coarse, teacher.coarse_logits(images), torch.ones(2, 17, 33, dtype=torch.bool))
    logits, taught = (
        F.interpolate(one, size=(17, 33), mode="bilinear", align_corners=True)
        for one in (coarse, teacher.coarse_logits(images))
    )
    expected = -(taught.softmax(1) * logits.log_softmax(1)).sum()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_parts_are_the_whole(data):
    whole, model, _ = stepped(data, unlabelled=crops(1, ignored_rows=5))
    summed, other, _ = stepped(data, unlabelled=crops(1, ignored_rows=5), parts=2)
    assert whole.confident is not None
    assert summed.confident is not None
    assert summed.confident.item() == whole.confident.item()
    assert summed.loss.item() == pytest.approx(whole.loss.item(), rel=1e-6)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "share", "accumulate", "crops"),
    [(8, 0.5, 1, 4), (8, 0.75, 2, 6), (8, 0.01, 1, 1), (8, 0.99, 4, 4), (3, 0.5, 1, 2)],
)
def test_every_part_of_a_batch_has_crops_of_both_kinds(batch, share, accumulate, crops):
    learned = DistillationConfig(teacher="teacher", unlabelled="pictures", unlabelled_share=share)
    config = changed(batch_size=batch, accumulate=accumulate, distillation=learned)
    assert (config.unlabelled_crops, config.labelled_crops) == (crops, batch - crops)
    assert changed(batch_size=batch, accumulate=accumulate).labelled_crops == batch


def test_unlabelled_crops_are_the_same_for_every_start_and_unlike_the_labelled(data, pictures):
    learned = DistillationConfig(teacher="teacher", unlabelled=str(pictures))
    config = changed(batch_size=6, distillation=learned, jitter=0.3)
    unlabelled = unlabelled_pictures(str(pictures), data=data, channels=3)
    assert [unlabelled[index].image.shape for index in range(3)] == [(20, 30, 3), (9, 40, 3), (33, 17, 3)]
    whole, rest = (
        list(step_batches(config, config.model.conventions, data=data, unlabelled=unlabelled, start=start, stop=6))
        for start in (0, 4)
    )
    assert len(whole) == 6
    for (one, other), (same, alike) in zip(whole[4:], rest, strict=True):
        assert other is not None
        assert alike is not None
        assert torch.equal(one.images, same.images)
        assert torch.equal(other.images, alike.images)
        assert len(one.images) == len(other.images) == 3
        assert sorted(other.names) == [str(pictures / f"{number}.png") for number in range(3)]  # each once an epoch
        low = other.names.index(str(pictures / "1.png"))
        assert set(other.labels.unique().tolist()) <= {0, 11}
        assert (other.labels[low] == 11).any()  # padding is not asked about


def test_interrupted_is_undisturbed_bit_for_bit(data, pictures, tmp_path):
    learned = DistillationConfig(teacher="teacher", unlabelled=str(pictures))
    config = changed(batch_size=4, distillation=learned, iterations=4, norm_momentum=0.7)
    unlabelled = unlabelled_pictures(str(pictures), data=data, channels=3)

    def trained(folder, *, stop=None):
        run = Run(folder, settings={"training": config})
        stage = Stage(config, data, None, run, teacher=teacher_of(), unlabelled=unlabelled)
        state = stage.fresh_state(device=CPU)
        stage.resume(state)
        for event in stage.events(state, device=CPU):
            if event.iteration == stop:
                break
        run.save(state)
        return state, run.records()

    whole, records = trained(tmp_path / "whole")
    trained(tmp_path / "parts", stop=2)
    parts, again = trained(tmp_path / "parts")
    assert all(torch.equal(value, parts.model.state_dict()[name]) for name, value in whole.model.state_dict().items())
    assert [record["confident"] for record in records] == [record["confident"] for record in again]
    assert all(0 < record["confident"] < 1 for record in records)


def test_classes_in_another_order_are_put_in_that_of_the_data(data, tmp_path):
    order = [3, 1, 2, 0, *range(4, 11)]
    model = teacher_model()
    names = tuple(data.labels.names[label] for label in order)
    save(tmp_path / "teacher.safetensors", model, labels=replace(data.labels, names=names, palette=()))
    config = changed(model=QUIET, distillation=DistillationConfig(teacher=str(tmp_path / "teacher.safetensors")))
    teacher = load_teacher(config, labels=data.labels)
    images = crops(0).images
    torch.testing.assert_close(teacher.coarse_logits(images), model(images)[:, order])


@pytest.fixture(scope="module")
def teacher(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    save(path, teacher_model(), labels=data.labels)
    return path


def test_the_command_trains_and_notices_what_changed(data, pictures, teacher, tmp_path, capsys):
    shutil.copytree(pictures, tmp_path / "pictures")
    shutil.copy(teacher, tmp_path / "teacher.safetensors")
    words = ["train", str(data.pairs[0].image.parents[1]), "--out", str(tmp_path / "run"), *SMALL.split()]
    words += ["--teacher", str(tmp_path / "teacher.safetensors"), "--unlabelled", str(tmp_path / "pictures")]
    assert main([*words, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "teacher 0.0" in printed
    assert "3 without labels" in printed
    assert main(words) == 0
    assert "5 images to train on, 3 without labels, 2 to validate on" in capsys.readouterr().err
    settings = json.loads((tmp_path / "run/config.json").read_text())
    assert settings["teacher"] == atrous.load(teacher).sha256
    assert settings["training"]["distillation"]["confidence"] == 0.9

    (tmp_path / "pictures/2.png").unlink()
    assert main(words) == 2
    assert (
        f"the data of {tmp_path / 'run'} has changed since the run began (files unlabelled" in capsys.readouterr().err
    )
    shutil.copy2(pictures / "2.png", tmp_path / "pictures")
    save(tmp_path / "teacher.safetensors", build(QUIET), labels=data.labels)
    assert main(words) == 2
    assert "holds another run (teacher: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"unlabelled": "pictures"}, "nobody labels the pictures of --unlabelled pictures; name trained weights with"),
        ({"teacher": "teacher", "unlabelled": "nowhere"}, "no picture matches nowhere"),
        ({"teacher": "teacher", "unlabelled": "empty"}, "no pictures directly in empty"),
        ({"teacher": "teacher", "unlabelled": "broken"}, "broken.torn.png"),
        (
            {"teacher": "others"},
            "the teacher others has the classes a, b, the data Sky, Building, .*; give a teacher of",
        ),
        ({"teacher": "grey"}, "the teacher grey takes 1 channels, this run's network 3"),
        ({"teacher": "teacher", "confidence": 1.5}, "confidence 1.5 is out of range; choose 0 to 1"),
        ({"teacher": "teacher", "unlabelled": "pictures", "unlabelled_share": 1.0}, "share 1.0 is out of range"),
        (
            {"teacher": "teacher", "unlabelled": "pictures", "accumulate": 4},
            "a batch of 4 has no room for labelled and",
        ),
    ],
)
def test_bad_input_is_one_line(given, message, data, pictures, teacher, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(pictures, "pictures")
    shutil.copytree(pictures, "broken")
    (tmp_path / "broken/torn.png").write_bytes((pictures / "0.png").read_bytes()[:300])
    (tmp_path / "empty").mkdir()
    shutil.copy(teacher, "teacher")
    save("others", build(replace(QUIET, classes=2)), labels=atrous.LabelSpace(("a", "b")))
    save("grey", build(replace(QUIET, in_channels=1)), labels=data.labels)
    settings = {"iterations": 1, "norm_momentum": 1.0, "batch_size": 4, "crop": 17, "depth_multiplier": 0.1}
    with pytest.raises(InputError, match=message):
        atrous.train(data, out="run", recipe="scenes", device="cpu", **settings, **given)
    assert not (tmp_path / "run").exists()
