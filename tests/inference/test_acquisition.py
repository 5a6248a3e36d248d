"""Order of unlabelled images: entropy, disagreement and order by hand, and the command on a folder."""

import csv

import numpy as np
import pytest
from PIL import Image

import atrous
from atrous.cli.main import main
from atrous.inference.acquisition import ImageScore, descriptor, labelling_order, mean_entropy, score_image
from atrous.inference.predictor import Predictor
from fakes.lively_model import lively_archive


def test_entropy_by_hand():
    certain = np.zeros((4, 2, 3), np.float32)
    certain[1] = 1
    assert mean_entropy(certain) == pytest.approx(0, abs=1e-6)
    assert mean_entropy(np.full((4, 2, 3), 0.25, np.float32)) == pytest.approx(1)
    half = certain.copy()
    half[:, 0] = 0.25  # one of two rows: half of the pixels
    assert mean_entropy(half) == pytest.approx(0.5, abs=1e-6)
    two_of_four = np.zeros((4, 1, 1), np.float32)
    two_of_four[:2] = 0.5
    assert mean_entropy(two_of_four) == pytest.approx(np.log(2) / np.log(4))
    assert mean_entropy(np.ones((1, 2, 2), np.float32)) == 0


def test_descriptors_average_cells_of_any_size():
    ramp = np.arange(64, dtype=np.float32).reshape(1, 8, 8)
    cells = descriptor(ramp).reshape(4, 4)
    assert cells[0, 0] == (0 + 1 + 8 + 9) / 4
    assert cells[3, 3] == (54 + 55 + 62 + 63) / 4
    assert descriptor(np.full((2, 1, 3), 0.5, np.float32)).tolist() == [0.5] * 32


def test_of_two_alike_the_second_waits():
    def score(value, *position):
        return ImageScore(value, 0.0, np.array(position, np.float64))

    scores = [score(0.5, 0, 0), score(0.9, 1, 0), score(0.8, 1, 0.1), score(0.3, 3, 0), score(0.1, 1, 0)]
    # After 1: 0.5 * 1, 0.8 * 0.1, 0.3 * 2, 0.1 * 0. After 3: 0.5 * 1, 0.8 * 0.1. Then by value: 2 before 4.
    assert labelling_order(scores, count=3) == [1, 3, 0, 2, 4]
    assert labelling_order(scores, count=1) == [1, 2, 0, 3, 4]
    assert sorted(labelling_order(scores, count=99)) == [0, 1, 2, 3, 4]
    assert labelling_order([], count=3) == []


def test_disagreement_is_counted_against_the_mirrored_and_the_smaller_image():
    predictor = Predictor(lively_archive())
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    plain = predictor(image).labels
    mirrored = predictor(np.ascontiguousarray(image[:, ::-1])).labels[:, ::-1]
    small = predictor(np.asarray(Image.fromarray(image).resize((42, 30), Image.Resampling.BILINEAR))).labels
    rows, columns = (np.arange(40) * 30 + 15) // 40, (np.arange(56) * 42 + 21) // 56  # centres of pixels
    expected = ((plain != mirrored).mean() + (plain != small[rows][:, columns]).mean()) / 2
    assert 0 < expected < 1
    assert score_image(predictor, image).disagreement == pytest.approx(expected)


def test_the_command_ranks_copies_and_names_what_it_cannot_read(tmp_path, capsys):
    weights, pictures, out = tmp_path / "w.safetensors", tmp_path / "pictures", tmp_path / "rank.csv"
    archive = lively_archive()
    atrous.save(weights, archive.model, labels=archive.labels, provenance={})
    for folder, seed in (("a", 0), ("b", 1), ("c", 0)):
        (pictures / folder).mkdir(parents=True)
        image = np.random.default_rng(seed).integers(0, 256, (33, 33, 3), dtype=np.uint8)
        Image.fromarray(image).save(pictures / folder / "x.png")
    (pictures / "c" / "broken.png").write_bytes(b"no picture")
    command = ["rank", str(weights), str(pictures / "*" / "*.png"), "--out", str(out), "--device", "cpu"]
    assert main([*command, "--count", "2", "--copy", str(tmp_path / "next")]) == 1
    printed = capsys.readouterr()
    assert "1 of 4 pictures failed" in printed.out
    assert "broken.png" in printed.err
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["place"] for row in rows] == ["1", "2", "3"]
    first_two = {row["picture"].split("/")[-2] for row in rows[:2]}
    assert "b" in first_two  # a and c are one picture, of which one comes early
    assert {path.read_bytes() for path in (tmp_path / "next").rglob("*.png")} == {
        (pictures / name / "x.png").read_bytes() for name in first_two
    }
    assert main([*command, "--copy", str(tmp_path / "next")]) == 2
    assert "is no empty folder; name a new one" in capsys.readouterr().err
