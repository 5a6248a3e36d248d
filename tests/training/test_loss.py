import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.training.config import LossConfig
from atrous.training.loss import SegmentationLoss
from fakes.memory_data import MemoryData
from fakes.run import CPU, MODEL
from reference.operations import bilinear, cross_entropy

SPACE = LabelSpace(names=tuple(f"thing {number}" for number in range(11)), ignore=200)


def data_of(labels: np.ndarray) -> MemoryData:
    image = np.zeros((*labels.shape, 3), np.uint8)
    return MemoryData(SPACE, (Sample("only", image, labels),))


@pytest.mark.parametrize("class_balance", [0.0, 0.5, 1.0])
def test_the_mean_over_labelled_pixels_weighed_by_rarity(class_balance):
    # Class 0 on 60 pixels, 1 on 30, 2 on 10: median frequency 0.3; 20 pixels are not labelled.
    counts = np.array([60, 30, 10])
    training = np.repeat(np.array([0, 1, 2, 200], np.uint8), [*counts, 20]).reshape(12, 10)
    weights = (0.3 / (counts / 100)) ** class_balance
    weights /= (weights * counts / 100).sum()

    generator = np.random.default_rng(0)
    labels = generator.choice(np.array([0, 1, 2, 200]), (2, 18, 21))
    # An 18x21 image is padded to 33x33 = 16 * 2 + 1; the coarse map at stride 4 spans all of it.
    logits = 3 * generator.standard_normal((2, 11, 9, 9)).astype(np.float32)
    full = bilinear(logits.astype(float), (33, 33), align_corners=True)[..., :18, :21]
    expected = cross_entropy(full, labels, ignore=200, class_weights=weights)

    loss_function = SegmentationLoss(data_of(training), LossConfig(class_balance=class_balance), device=CPU)
    found = loss_function(build(MODEL), torch.from_numpy(logits), torch.from_numpy(labels), iteration=0)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_the_hard_half_of_a_batch():
    """Label 0 has probability 1/2 all over the first image and 1/4 all over the second."""
    logits = torch.full((2, 11, 5, 5), -1e4)
    logits[:, :2] = 0
    logits[1, 1] = np.log(3)
    data, labels = data_of(np.zeros((2, 2), np.uint8)), torch.zeros(2, 17, 17, dtype=torch.uint8)
    for hard_pixels, expected in ((1.0, 1.5), (0.5, 2.0)):
        loss_function = SegmentationLoss(data, LossConfig(hard_pixels=hard_pixels), device=CPU)
        assert loss_function(build(MODEL), logits, labels, iteration=0).item() == pytest.approx(expected * np.log(2))


def test_the_share_of_hard_pixels_follows_the_schedule():
    logits = torch.randn(2, 11, 5, 5)
    labels = torch.randint(0, 11, (2, 17, 17), dtype=torch.uint8)
    data, model = data_of(np.zeros((2, 2), np.uint8)), build(MODEL)
    scheduled = SegmentationLoss(data, LossConfig(hard_pixels=0.2, hard_pixel_steps=10), device=CPU)
    for iteration, share in ((0, 1.0), (5, 0.6), (10, 0.2), (99, 0.2)):
        plain = SegmentationLoss(data, LossConfig(hard_pixels=share), device=CPU)
        found, expected = (loss(model, logits, labels, iteration=iteration) for loss in (scheduled, plain))
        assert found.item() == pytest.approx(expected.item())


def test_dice_and_lovasz_are_added_with_their_weights():
    """Probability 1/2 for the one class that is there, all over: cross entropy ln 2, Dice 2/3, IoU 1/2."""
    logits = torch.full((1, 11, 5, 5), -1e4)
    logits[:, :2] = 0
    labels = torch.zeros(1, 17, 17, dtype=torch.uint8)
    loss_function = SegmentationLoss(data_of(np.zeros((2, 2), np.uint8)), LossConfig(dice=3.0, lovasz=10.0), device=CPU)
    found = loss_function(build(MODEL), logits, labels, iteration=0)
    assert found.item() == pytest.approx(np.log(2) + 3 * (1 - 2 / 3) + 10 * 0.5, rel=1e-5)


def test_coarse_labels_are_those_under_the_logits():
    """At stride 4 with aligned corners a 17x17 image has 5x5 logits: every fourth label, none beyond the image."""
    logits = torch.randn(2, 11, 5, 5)
    labels = torch.randint(0, 11, (2, 17, 14))
    labels[0, 4, 4] = 200
    under = torch.full((2, 5, 5), 200)
    under[:, :, :4] = labels[:, ::4, ::4]
    expected = F.cross_entropy(logits, under, ignore_index=200)
    loss_function = SegmentationLoss(data_of(np.zeros((2, 2), np.uint8)), LossConfig(labels="coarse"), device=CPU)
    assert loss_function(build(MODEL), logits, labels, iteration=0).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("labels", ["full", "coarse"])
def test_every_loss_of_a_batch_without_labels_is_zero_with_gradients_of_zero(labels):
    config = LossConfig(0.5, 0.1, 0.2, 10, dice=1.0, lovasz=1.0, labels=labels)
    loss_function = SegmentationLoss(data_of(np.arange(4, dtype=np.uint8).reshape(2, 2)), config, device=CPU)
    logits = torch.randn(2, 11, 5, 5, requires_grad=True)
    loss = loss_function(build(MODEL), logits, torch.full((2, 17, 17), 200, dtype=torch.uint8), iteration=5)
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_smoothed_labels():
    """Of a label, 0.89 stays and 0.01 goes to each of eleven classes."""
    logits = torch.zeros(1, 11, 5, 5)
    logits[:, 0] = 2
    loss_function = SegmentationLoss(data_of(np.zeros((2, 2), np.uint8)), LossConfig(label_smoothing=0.11), device=CPU)
    loss = loss_function(build(MODEL), logits, torch.zeros(1, 17, 17, dtype=torch.uint8), iteration=0)
    assert loss.item() == pytest.approx(np.log(np.exp(2) + 10) - 0.9 * 2)


def test_classes_without_balance_are_not_counted():
    class Unreadable(MemoryData):
        def __getitem__(self, index):
            raise AssertionError("reads nothing")

    data = Unreadable(SPACE, data_of(np.zeros((2, 2), np.uint8)).samples)
    assert SegmentationLoss(data, device=CPU).class_weights is None


def test_balance_over_nothing_labelled_is_refused():
    with pytest.raises(InputError, match="no pixel of data set memory has a class"):
        SegmentationLoss(data_of(np.full((3, 3), 200, np.uint8)), LossConfig(class_balance=0.5), device=CPU)


def test_class_weights_of_a_file_are_those_of_the_loss(tmp_path):
    data, path = data_of(np.zeros((4, 4), np.uint8)), tmp_path / "weights.json"
    path.write_text(json.dumps({name: 0.5 + label for label, name in enumerate(SPACE.names)}))
    loss = SegmentationLoss(data, LossConfig(class_weights=str(path)), device=CPU)
    assert loss.class_weights is not None
    assert loss.class_weights.tolist() == [0.5 + label for label in range(11)]
    with pytest.raises(InputError, match="give one of them"):
        LossConfig(class_balance=0.5, class_weights=str(path))
