import numpy as np
import pytest
import torch

from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.model.build import build
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

    loss_of = SegmentationLoss(data_of(training), class_balance=class_balance, device=CPU)
    found = loss_of(build(MODEL), torch.from_numpy(logits), torch.from_numpy(labels))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_the_hard_half_of_a_batch():
    """Label 0 has probability 1/2 all over the first image and 1/4 all over the second."""
    logits = torch.full((2, 11, 5, 5), -1e4)
    logits[:, :2] = 0
    logits[1, 1] = np.log(3)
    data, labels = data_of(np.zeros((2, 2), np.uint8)), torch.zeros(2, 17, 17, dtype=torch.uint8)
    for hard_pixels, expected in ((1.0, 1.5), (0.5, 2.0)):
        loss_of = SegmentationLoss(data, class_balance=0.0, hard_pixels=hard_pixels, device=CPU)
        assert loss_of(build(MODEL), logits, labels).item() == pytest.approx(expected * np.log(2))


def test_smoothed_labels():
    """Of a label, 0.89 stays and 0.01 goes to each of eleven classes."""
    logits = torch.zeros(1, 11, 5, 5)
    logits[:, 0] = 2
    loss_of = SegmentationLoss(data_of(np.zeros((2, 2), np.uint8)), class_balance=0.0, label_smoothing=0.11, device=CPU)
    loss = loss_of(build(MODEL), logits, torch.zeros(1, 17, 17, dtype=torch.uint8))
    assert loss.item() == pytest.approx(np.log(np.exp(2) + 10) - 0.9 * 2)


def test_classes_without_balance_are_not_counted():
    class Unreadable(MemoryData):
        def __getitem__(self, index):
            raise AssertionError("reads nothing")

    data = Unreadable(SPACE, data_of(np.zeros((2, 2), np.uint8)).samples)
    assert SegmentationLoss(data, class_balance=0.0, device=CPU).class_weights is None


def test_balance_over_nothing_labelled_is_refused():
    with pytest.raises(InputError, match="no pixel of data set memory has a class"):
        SegmentationLoss(data_of(np.full((3, 3), 200, np.uint8)), class_balance=0.5, device=CPU)
