import numpy as np

from atrous.data.sample import Sample
from atrous.labels import LabelSpace
from atrous.training.class_counts import class_counts
from fakes.memory_data import MemoryData
from fakes.run import small_data


def test_counts_leave_the_ignored_out(tmp_path):
    data = small_data(tmp_path)
    expected = np.zeros((len(data), 11), dtype=int)
    for index in range(len(data)):
        for label in data[index].labels.ravel():
            if label != 11:
                expected[index, label] += 1
    assert class_counts(data).tolist() == expected.tolist()


def test_each_image_has_a_row_of_its_own_even_without_labels():
    picture = np.zeros((1, 3, 3), np.uint8)
    shown = [[[0, 2, 255]], [[255, 255, 255]], [[1, 1, 1]], None]
    labels = [None if ids is None else np.array(ids, np.uint8) for ids in shown]
    data = MemoryData(LabelSpace.unnamed(3), tuple(Sample(str(n), picture, ids) for n, ids in enumerate(labels)))
    assert class_counts(data).tolist() == [[1, 0, 1], [0, 0, 0], [0, 3, 0], [0, 0, 0]]
