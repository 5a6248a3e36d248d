"""Comparing saved reports: the numbers, what is refused, and files that lie."""

import json
from dataclasses import replace

import numpy as np
import pytest

from atrous.errors import InputError
from atrous.evaluation.bootstrap import RESAMPLES, SEED
from atrous.evaluation.comparison import compare, comparison_table
from atrous.evaluation.counts import Counts, ImageCounts
from atrous.evaluation.metrics import iou, miou
from atrous.evaluation.protocol import Protocol
from atrous.evaluation.report import Report
from atrous.evaluation.saved import read_report
from atrous.labels import LabelSpace

SPACE = LabelSpace(names=("sky", "road", "car"))
PROTOCOL = Protocol(
    data={"name": "Streets", "split": "val", "images": 6},
    output_stride=16,
    scales=(1.0,),
    flip=False,
    ignore=255,
    weights_sha256="aa",
    device="cpu",
    precision="float32",
)


def matrices(seed, *, count=6, bonus=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 40, (count, 3, 3)) + np.eye(3, dtype=np.int64) * bonus


def report(images, *, protocol=PROTOCOL, space=SPACE, sequences=None):
    counted = tuple(
        ImageCounts.of(matrix, name=f"i{place}", sequence=(sequences or [""] * len(images))[place])
        for place, matrix in enumerate(images)
    )
    counts = replace(Counts.zeros(3), matrix=images.sum(axis=0))
    return Report(protocol, space=space, counts=counts, images=counted)


def confusion(pixels):
    return {"rows": "truth", "columns": "prediction", "pixels": pixels}


@pytest.fixture
def saved(tmp_path):
    """Writes a report and reads it back."""

    def through_a_file(one, *, name="report.json", **changes):
        path = tmp_path / name
        one.write_json(path)
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
        return read_report(path)

    return through_a_file


def test_every_difference_and_its_interval_are_those_of_the_same_draws(saved):
    ours, theirs = matrices(1, bonus=60), matrices(2, bonus=90)
    rows = compare(saved(report(ours)), saved(report(theirs)))
    generator, differences = np.random.default_rng(SEED), []
    for _ in range(RESAMPLES):
        drawn = generator.integers(6, size=6)
        sums = [images[drawn].sum(axis=0) for images in (theirs, ours)]
        differences.append([*(iou(sums[0]) - iou(sums[1])), miou(sums[0]) - miou(sums[1])])
    expected = np.percentile(differences, [2.5, 97.5], axis=0).T
    assert [row.name for row in rows] == ["sky", "road", "car", "mean"]
    assert [row.first for row in rows] == pytest.approx([*iou(ours.sum(axis=0)), miou(ours.sum(axis=0))])
    assert [row.second for row in rows] == pytest.approx([*iou(theirs.sum(axis=0)), miou(theirs.sum(axis=0))])
    assert [row.difference for row in rows] == pytest.approx([row.second - row.first for row in rows])
    np.testing.assert_allclose([[row.interval.low, row.interval.high] for row in rows], expected, atol=1e-12)


def test_what_is_hard_for_both_is_no_difference(saved):
    """One image is ruinous for both, and B is better by as much on each: unpaired intervals would overlap widely."""
    ours = np.stack([np.diag([50, 50, 50])] * 3 + [np.full((3, 3), 50)] * 3)
    theirs = ours + np.eye(3, dtype=np.int64) * 4
    mean = compare(saved(report(ours)), saved(report(theirs)))[-1]
    assert 0 < mean.interval.low < mean.difference < mean.interval.high < 0.03
    single = report(ours).miou_interval
    assert single.high - single.low > 0.3


def test_without_counts_of_images_there_are_differences_alone(saved):
    ours, theirs = saved(report(matrices(1)), images=[]), saved(report(matrices(2)))
    rows = compare(ours, theirs)
    assert {row.interval for row in rows} == {None}
    assert rows[-1].difference == pytest.approx(miou(matrices(2).sum(axis=0)) - miou(matrices(1).sum(axis=0)))
    one_video = [saved(report(matrices(seed), sequences=["drive"] * 6)) for seed in (1, 2)]
    assert {row.interval for row in compare(*one_video)} == {None}


def test_a_class_that_is_nowhere_has_no_difference(saved):
    absent = np.zeros((2, 3, 3), np.int64)
    absent[:, 0, :2] = 5
    rows = compare(saved(report(absent)), saved(report(absent)))
    assert (rows[2].first, rows[2].difference, rows[2].interval) == (None, None, None)
    assert (rows[0].interval.low, rows[0].interval.high) == (0, 0)
    line = comparison_table(rows).to_text().splitlines()[-2]
    assert line.split() == ["car", "–", "–", "–", "–", "–"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output_stride": 8}, "output_stride is 16 in A, 8 in B; evaluate alike, or say --across output_stride"),
        ({"size_rule": "pad 513x513"}, "size_rule is 'native' in A, 'pad 513x513' in B"),
        ({"scales": (0.5, 1.0)}, r"scales is \[1.0\] in A, \[0.5, 1.0\] in B"),
        ({"flip": True}, "flip is False in A, True in B"),
        ({"ignore": 11}, "ignore is 255 in A, 11 in B; evaluate alike$"),
        ({"trimap": "void"}, "trimap is 'label boundaries' in A, 'void' in B"),
        ({"data": {**PROTOCOL.data, "split": "test"}}, "data split is 'val' in A, 'test' in B; evaluate alike$"),
        ({"data": {**PROTOCOL.data, "images": 7}, "flip": True}, "data images is 6 in A, 7 in B"),
    ],
)
def test_unlike_protocols_are_refused_with_the_first_field(changes, message, saved):
    ours, theirs = saved(report(matrices(1))), saved(report(matrices(2), protocol=replace(PROTOCOL, **changes)))
    with pytest.raises(InputError, match=f"unlike protocols: {message}"):
        compare(ours, theirs)


def test_what_is_asked_across_may_differ_and_so_may_the_machine(saved):
    other = replace(PROTOCOL, output_stride=8, flip=True, weights_sha256="bb", device="cuda", software="atrous 9")
    ours, theirs = saved(report(matrices(1))), saved(report(matrices(2), protocol=other))
    assert len(compare(ours, theirs, across=("output_stride", "flip"))) == 4
    with pytest.raises(InputError, match="flip is False in A"):
        compare(ours, theirs, across=("output_stride",))


def test_unlike_classes_and_images_are_refused(saved):
    ours = saved(report(matrices(1)))
    renamed = saved(report(matrices(1), space=LabelSpace(names=("sky", "street", "car"))))
    with pytest.raises(InputError, match="unlike classes: 'road' in A, 'street' in B"):
        compare(ours, renamed)
    fewer = saved(report(matrices(1)), iou={"sky": 1, "road": 1}, images=[], confusion=confusion([[1, 0], [0, 1]]))
    with pytest.raises(InputError, match="unlike classes: 'car' in A, None in B"):
        compare(ours, fewer)
    with pytest.raises(InputError, match="unlike images"):
        compare(ours, saved(report(matrices(1), sequences=["", "", "", "", "v", "v"])))


IMAGE = {"name": "a", "sequence": "", "classes": [0], "both": [1], "truth": [1], "predicted": [1]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": None}, "report: protocol: expected an object"),
        ({"protocol": {"data": {}}}, "report: protocol: field 'output_stride' is missing"),
        ({"iou": {}}, "confusion: not 0 by 0"),
        ({"iou": {"sky": "high"}}, "report: iou: sky: 'high' does not fit"),
        ({"confusion": confusion([[1, 2], [3]])}, "confusion: not 3 by 3"),
        ({"confusion": confusion([[-1, 0, 0]] * 3)}, "negative or beyond"),
        ({"confusion": confusion([[10**30, 0, 0]] * 3)}, "beyond reason"),
        ({"confusion": confusion([[True, 0, 0]] * 3)}, "expected int"),
        ({"images": [IMAGE]}, "the counts of the images do not add up"),
        ({"images": [{**IMAGE, "classes": [3]}]}, "images: 'a': not one count for each of its classes"),
        ({"images": [{**IMAGE, "classes": [-1]}]}, "images: 'a': not one count for each of its classes"),
        ({"images": [{**IMAGE, "classes": [0, 0], "both": [1, 1]}]}, "images: 'a': not one count for each"),
        ({"images": [{**IMAGE, "both": []}]}, "images: 'a': not one count for each"),
        ({"images": [{**IMAGE, "truth": [10**400]}]}, "beyond reason"),
        ({"images": [{**IMAGE, "x": 1}]}, "unknown field 'x'"),
    ],
)
def test_reports_that_lie_are_refused_with_their_name(changes, message, saved):
    with pytest.raises(InputError, match=r"report\.json: ") as refusal:
        saved(report(matrices(1)), **changes)
    assert message in str(refusal.value)
    assert str(refusal.value).endswith("; evaluate again with --json")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b"null", b"{}", b'"x"', b"NaN"])
def test_what_is_no_report_is_refused(content, tmp_path):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json.*; evaluate again with --json$"):
        read_report(tmp_path / "a.json")


def test_a_missing_report_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*gone\.json"):
        read_report(tmp_path / "gone.json")
