"""Mean IoU of an exported file against its weights: numbers computed by hand, and the refusal."""

import json
from dataclasses import replace

import numpy as np
import pytest

from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.export.export import ProofError, export
from atrous.export.scores import Scores, score
from atrous.inference.engines.open_engine import open_engine
from atrous.inference.predictor import Predictor
from atrous.labels import LabelSpace
from fakes.memory_data import MemoryData


class ShiftedEngine:
    """An exported file whose first ten rows of labels are those of the next class."""

    def __init__(self, path):
        self._engine = open_engine(path)
        self.name, self.description = self._engine.name, self._engine.description

    def __call__(self, images):
        return shifted(self._engine(images))


def shifted(labels):
    labels = labels.copy()
    labels[:, :10] = (labels[:, :10] + 1) % 5
    return labels


def images_of(data):
    return [sample.image for sample in data.samples]


def mean_iou(truth, found):
    """Mean over the classes that occur, as its definition says."""
    both = [((truth == label) & (found == label)).sum() for label in range(5)]
    either = [((truth == label) | (found == label)).sum() for label in range(5)]
    return np.mean([one / other for one, other in zip(both, either, strict=True) if other])


@pytest.fixture(scope="module")
def labelled(exported):
    """Pictures whose labels are what the weights predict, but for one pixel of another class."""
    images = np.random.default_rng(5).integers(0, 256, (3, 40, 48, 3), dtype=np.uint8)
    results = Predictor(exported.weights)([*images])
    labels = [result.labels.copy() for result in results]
    labels[0][0, 0] = (labels[0][0, 0] + 1) % 5
    samples = [Sample(f"p{number}", result.image, labels[number]) for number, result in enumerate(results)]
    return MemoryData(exported.weights.labels, tuple(samples))


def test_lost_points_are_those_counted_by_hand(exported, labelled):
    truth = np.stack([sample.labels for sample in labelled.samples])
    predicted = np.stack([result.labels for result in Predictor(exported.weights)(images_of(labelled))])
    scores = score(exported.weights, ShiftedEngine(exported.path), labelled)
    expected = [mean_iou(truth, found) for found in (predicted, shifted(predicted))]
    assert [scores.weights_miou, scores.file_miou] == pytest.approx(expected)
    assert scores.lost_points == pytest.approx(100 * (expected[0] - expected[1]))
    assert not scores.passed


def test_half_a_point_may_be_lost():
    half = Scores("d", "val", 1, weights_miou=0.625, file_miou=0.6201)
    assert half.passed
    assert not replace(half, file_miou=0.6199).passed
    assert replace(half, file_miou=0.675).lost_points == pytest.approx(-5)


def test_the_proof_holds_the_scores(recorded, labelled, tmp_path):
    proof = export(recorded.weights, tmp_path / "m.onnx", data=labelled)
    assert proof.scores is not None
    assert proof.scores.weights_miou == proof.scores.file_miou
    saved = json.loads((tmp_path / "m.onnx.proof.json").read_text())
    assert saved["scores"]["file_miou"] == proof.scores.file_miou
    assert "of the weights on 3 images of memory, val: +0.00 points lost" in (tmp_path / "m.onnx.proof.md").read_text()


def test_a_file_that_loses_too_much_is_not_written(recorded, labelled, tmp_path, monkeypatch):
    wrong = MemoryData(
        labelled.labels, tuple(replace(one, labels=np.zeros_like(one.labels)) for one in labelled.samples)
    )
    with pytest.raises(InputError, match="the only class"):
        export(recorded.weights, tmp_path / "m.onnx", data=wrong)
    monkeypatch.setattr("atrous.export.scores.MAX_LOST_POINTS", -1.0)  # the file would have to be better
    with pytest.raises(ProofError, match=r"m\.onnx is not written: mean IoU .* \+0\.00 points lost"):
        export(recorded.weights, tmp_path / "m.onnx", data=labelled)
    assert not [*tmp_path.iterdir()]


def test_data_of_other_classes_is_one_line(recorded, labelled, tmp_path):
    other = replace(labelled, labels=LabelSpace(("a", "b", "c")))
    with pytest.raises(InputError, match="the weights have 5 classes but the data has 3"):
        export(recorded.weights, tmp_path / "m.onnx", data=other)
