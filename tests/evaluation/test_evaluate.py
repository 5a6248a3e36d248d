"""A whole evaluation against torchmetrics on the predictor's own answers."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.evaluation.boundaries import WIDTHS, boundary_overlap, trimap
from atrous.evaluation.evaluate import common_labels, evaluate, require_several_classes
from atrous.evaluation.protocol import Protocol
from atrous.inference.predictor import Predictor
from atrous.labels import LabelSpace
from fakes.lively_model import LABELS, blocks, lively_archive
from fakes.memory_data import MemoryData

SIZES = ((33, 49), (34, 50), (41, 30))
PREDICTOR = Predictor(lively_archive())


def sample(name, *, size=(33, 49), seed=0, wrong=0.0, ignored=0.0):
    """A picture whose truth is the predictor's answer, except for shares of its pixels from the top and the bottom."""
    image = blocks(*size, seed=seed)[0].permute(1, 2, 0).contiguous().numpy()
    truth = PREDICTOR(image).labels.copy()
    flat = truth.reshape(-1)
    rows = slice(0, round(wrong * flat.size))
    flat[rows] = (flat[rows] + 1) % 4
    flat[flat.size - round(ignored * flat.size) :] = 255
    return Sample(name=name, image=image, labels=truth)


def data(*samples, labels=LABELS):
    return MemoryData(labels=labels, samples=samples)


def test_equals_torchmetrics_over_all_pixels_of_all_images():
    samples = [sample(f"s{n}", size=size, seed=n, wrong=0.1 * n, ignored=0.1) for n, size in enumerate(SIZES)]
    report = evaluate(PREDICTOR, data(*samples))
    oracle = MulticlassJaccardIndex(num_classes=4, average="macro", ignore_index=255)
    for one in samples:
        oracle.update(torch.tensor(PREDICTOR(one.image).labels).long(), torch.tensor(one.labels).long())
    assert report.miou == pytest.approx(float(oracle.compute()), abs=1e-6)
    assert 0.5 < report.miou < 0.99
    assert report.matrix.sum() == sum(int((one.labels != 255).sum()) for one in samples)


def test_images_add_up_and_are_kept_apart():
    """The boundary and trimap counts of the data set are the sums over images; frames of a video stay together."""
    samples = [sample(f"s{n}", size=size, seed=n, wrong=0.1 * n, ignored=0.1) for n, size in enumerate(SIZES)]
    video = [replace(one, sequence="drive") for one in samples[:2]]
    report = evaluate(PREDICTOR, data(*video, samples[2]))
    boundary, bands = np.zeros((3, 4), np.int64), np.zeros((len(WIDTHS), 3, 4), np.int64)
    for one in samples:
        labels = PREDICTOR(one.image).labels
        boundary += boundary_overlap(labels, one.labels, classes=4, ignore=255)
        bands += trimap(labels, one.labels, classes=4, ignore=255).overlaps
    np.testing.assert_array_equal(report.counts.boundary, boundary)
    np.testing.assert_array_equal(report.counts.trimap.overlaps, bands)
    assert report.protocol.trimap == "void"
    assert 0 < report.boundary_miou < report.miou
    assert [(one.name, one.sequence) for one in report.images] == [("s0", "drive"), ("s1", "drive"), ("s2", "")]
    assert report.miou_interval.blocks == 2
    assert report.miou_interval.low <= report.miou <= report.miou_interval.high


def test_the_papers_padding_is_in_the_protocol_and_an_image_beyond_it_is_named():
    predictor = Predictor(lively_archive(), pad=(41, 49))
    report = evaluate(predictor, data(sample("a"), sample("b", size=(41, 30), seed=1)))
    assert report.protocol.size_rule == "pad 41x49"
    assert report.miou < 1
    with pytest.raises(InputError, match="c: an image of 34x50 does not fit into the padding to 41x49"):
        evaluate(predictor, data(sample("a"), sample("c", size=(34, 50))))


def test_one_class_alone_is_refused_and_two_are_found_in_the_first_sample():
    @dataclass(frozen=True)
    class Counted(MemoryData):
        read: list[int] = field(default_factory=list)

        def __getitem__(self, index):
            self.read.append(index)
            return self.samples[index]

    image, labels = np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 2, np.uint8)
    labels[0] = 255
    alone = Counted(LABELS, tuple(Sample(name=str(n), image=image, labels=labels) for n in range(3)))
    with pytest.raises(InputError, match=f"memory: '{LABELS.names[2]}' is the only class in val"):
        require_several_classes(alone)
    two = np.where(np.eye(4, dtype=bool), 1, labels).astype(np.uint8)
    several = Counted(LABELS, (Sample(name="two", image=image, labels=two), sample("b")))
    require_several_classes(several)
    assert several.read == [0]


def test_a_perfect_answer_scores_one():
    report = evaluate(PREDICTOR, data(sample("a"), sample("b", seed=1)))
    assert report.miou == report.pixel_accuracy == report.boundary_miou == 1
    assert (report.miou_interval.low, report.miou_interval.high) == (1, 1)
    assert set(report.trimap.values()) == {1}


def test_nothing_labelled_gives_no_number():
    report = evaluate(PREDICTOR, data(sample("a", ignored=1.0)))
    assert report.miou is None
    assert report.pixel_accuracy is None
    assert report.boundary_miou is None
    assert report.miou_interval is None
    assert set(report.trimap.values()) == {None}


def test_the_worst_images_are_kept_worst_first():
    shares = (0.1, 0.0, 0.4, 0.2, 0.3)
    samples = [sample(f"s{n}", seed=n, wrong=share) for n, share in enumerate(shares)]
    report = evaluate(PREDICTOR, data(*samples), keep_worst=3)
    assert [example.name for example in report.worst] == ["s2", "s4", "s3"]
    assert [example.wrong for example in report.worst] == pytest.approx([0.4, 0.3, 0.2], abs=1e-3)
    np.testing.assert_array_equal(report.worst[0].truth, samples[2].labels)
    assert evaluate(PREDICTOR, data(*samples), keep_worst=0).worst == ()


def test_wrong_pixels_are_counted_among_labelled_ones_only():
    report = evaluate(PREDICTOR, data(sample("a", wrong=0.25, ignored=0.5)))
    assert report.worst[0].wrong == pytest.approx(0.5, abs=1e-3)


def test_progress_is_told_after_every_image():
    told = []
    evaluate(PREDICTOR, data(sample("a"), sample("b")), on_progress=lambda done, whole: told.append((done, whole)))
    assert told == [(1, 2), (2, 2)]


def test_the_protocol_says_how_it_was_measured():
    predictor = Predictor(lively_archive(), output_stride=8, scales=(0.5, 1.0), flip=True)
    found = evaluate(predictor, data(sample("a"))).protocol
    assert found == Protocol(
        data={"name": "memory", "split": "val", "images": 1},
        output_stride=8,
        scales=(0.5, 1.0),
        flip=True,
        ignore=255,
        weights_sha256="ab" * 32,
        device="cpu",
        precision="float32",
        size_rule="native",
        boundary_distance=0.02,
        trimap="label boundaries",
    )
    assert torch.__version__.split("+")[0] in found.software


def test_the_ignore_value_is_that_of_the_data():
    other = LabelSpace(names=LABELS.names, ignore=77)
    one = sample("a", ignored=0.5)
    marked = Sample(name="a", image=one.image, labels=np.where(one.labels == 255, 77, one.labels).astype(np.uint8))
    report = evaluate(PREDICTOR, data(marked, labels=other))
    assert report.miou == 1
    assert report.protocol.ignore == 77


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("sky", "road"), "the weights have 4 classes but the data has 2"),
        (("sky", "road", "car", "tree"), "class 2 is 'tree' in the weights but 'car' in the data"),
    ],
)
def test_unlike_classes_are_refused_before_anything_is_read(names, message):
    with pytest.raises(InputError, match=message):
        evaluate(PREDICTOR, data(labels=LabelSpace(names=names)))


def test_classes_without_names_agree_with_any_and_the_names_are_kept():
    nameless = LabelSpace.unnamed(4)
    assert common_labels(nameless, LABELS) == LABELS
    assert common_labels(LABELS, nameless).names == LABELS.names
    assert common_labels(nameless, nameless) == nameless


def test_a_sample_without_labels_is_an_error():
    one = sample("a")
    with pytest.raises(InputError, match="b has no labels"):
        evaluate(PREDICTOR, data(one, Sample(name="b", image=one.image, labels=None)))


def test_an_empty_data_set_is_an_error():
    with pytest.raises(InputError, match="memory has no images"):
        evaluate(PREDICTOR, data())
