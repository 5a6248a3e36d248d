from collections import Counter
from dataclasses import dataclass

import numpy as np

from atrous.data.sample import Sample
from atrous.demo.color_classifier import ColorClassifier
from atrous.labels import LabelSpace

ABC = LabelSpace(names=("a", "b", "c"))


@dataclass(frozen=True)
class Listed:
    """Samples in a list."""

    samples: tuple[Sample, ...]
    labels: LabelSpace = ABC
    name: str = "listed"

    @property
    def names(self):
        return [sample.name for sample in self.samples]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]

    def describe(self):
        return {}


def painted(*runs):
    """One row of pixels: (colour, label, how many)."""
    image = np.concatenate([np.tile(np.uint8(color), (count, 1)) for color, _, count in runs])[None]
    labels = np.concatenate([np.full(count, label, np.uint8) for _, label, count in runs])[None]
    return Sample("row", image, labels)


def test_every_colour_gets_its_most_frequent_label():
    red, blue = (200, 0, 0), (0, 0, 200)
    data = Listed((painted((red, 1, 60), (blue, 2, 60)), painted((red, 0, 50), (blue, 2, 1))))
    image = np.uint8([[red, blue], [(203, 4, 1), (5, 5, 205)]])  # the same cells of eight levels
    assert ColorClassifier.fit(data).predict(image).tolist() == [[1, 2], [1, 2]]


def test_unseen_colours_answer_like_their_neighbourhood_and_at_last_like_the_whole():
    data = Listed((painted(((64, 64, 64), 1, 40), ((250, 250, 250), 2, 400)),))
    classifier = ColorClassifier.fit(data)
    # (80, 80, 80) shares a cell of 64 levels with the first colour; (130, ...) shares only the whole cube.
    assert classifier.predict(np.uint8([[(80, 80, 80), (130, 130, 130)]])).tolist() == [[1, 2]]


def test_a_handful_of_pixels_does_not_decide():
    few = painted(((8, 8, 8), 0, 5), ((24, 24, 24), 1, 95))
    assert ColorClassifier.fit(Listed((few,))).predict(np.uint8([[(8, 8, 8)]])).tolist() == [[1]]


def test_ignored_pixels_do_not_count():
    data = Listed((painted(((9, 9, 9), 255, 500), ((9, 9, 9), 1, 40)),))
    assert ColorClassifier.fit(data).predict(np.uint8([[(9, 9, 9)]])).tolist() == [[1]]


def test_cells_with_enough_pixels_equal_a_plain_count():
    generator = np.random.default_rng(0)
    image = generator.integers(0, 40, (100, 150, 3), dtype=np.uint8)
    labels = generator.integers(0, 3, (100, 150), dtype=np.uint8)
    predicted = ColorClassifier.fit(Listed((Sample("noise", image, labels),))).predict(image)
    counts: dict[tuple, Counter] = {}
    cells = [tuple(pixel // 8) for pixel in image.reshape(-1, 3)]
    for cell, label in zip(cells, labels.ravel().tolist(), strict=True):
        counts.setdefault(cell, Counter())[label] += 1
    for cell, label in zip(cells, predicted.ravel().tolist(), strict=True):
        assert counts[cell].total() >= 30
        assert counts[cell][label] == max(counts[cell].values())
