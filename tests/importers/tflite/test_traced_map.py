"""What happens to a map between convolutions is followed, or an error."""

import numpy as np
import pytest

from atrous.errors import InputError
from atrous.importers.tflite.network import read_network
from atrous.importers.tflite.traced_map import TracedMap
from fakes.tflite_writer import Op, Options, TFLiteWriter, conv_options, resize_options

MAP = TracedMap((9, 7))


def test_an_atrous_convolution_over_sub_grids_is_one():
    """Sizes by hand: rate 2, kernel 3: two zeros around 9x7, one more on the right for whole blocks, cut off again."""
    split = MAP.split((2, (2, 3), (2, 3)))
    joined = split.convolved(stride=1, kernel=3, same=False).joined((2, (0, 1), (0, 1)), kernel=3)
    assert joined == MAP
    same = MAP.split((2, (0, 1), (0, 1))).convolved(stride=1, kernel=3, same=True).joined((2, (0, 1), (0, 1)), kernel=3)
    assert same == MAP


def test_sizes_and_means():
    assert MAP.convolved(stride=2, kernel=3, same=True).size == (5, 4)
    assert MAP.resized((9, 7)) == MAP
    spread = MAP.pooled(window=(9, 7)).convolved(stride=1, kernel=1, same=True).resized((9, 7))
    assert (spread.size, spread.state) == ((9, 7), "spread")


@pytest.mark.parametrize(
    "step",
    [
        lambda x: x.resized((17, 13)).convolved(stride=1, kernel=1, same=True),
        lambda x: x.resized((17, 13)).resized((33, 25)),
        lambda x: x.pooled(window=(3, 3)),
        lambda x: x.pooled(window=None).pooled(window=None),
        lambda x: x.split((2, (2, 3), (2, 3))).convolved(stride=2, kernel=3, same=False),
        lambda x: x.split((2, (2, 3), (2, 3))).joined((2, (0, 1), (0, 1)), kernel=3),
        lambda x: x.split((2, (1, 4), (2, 3))).convolved(stride=1, kernel=3, same=False).joined(
            (2, (0, 1), (0, 1)), kernel=3),
        lambda x: x.split((2, (2, 3), (2, 3))).convolved(stride=1, kernel=3, same=False).joined(
            (4, (0, 1), (0, 1)), kernel=3),
        lambda x: x.split((2, (2, 3), (2, 3))).convolved(stride=1, kernel=3, same=False).joined(
            (2, (0, 0), (0, 1)), kernel=3),
    ],
)  # fmt: skip
def test_what_changes_the_function_is_refused(step):
    with pytest.raises(InputError, match=r"DeepLab|atrous convolution"):
        step(MAP)


def convolved(writer, x, name, shape):
    weights = writer.tensor(f"{name}/weights", [2, 1, 1, shape], values=np.ones((2, 1, 1, shape), "f4"))
    out = writer.tensor(name, [1, 9, 9, 2])
    return writer.operator(Op.CONV_2D, [x, weights], out, kind=Options.Conv2DOptions, options=conv_options())


def resized(writer, x, *, side):
    size = writer.tensor("size", [2], values=np.array([side, side], "i4"))
    out, kind = writer.tensor("resized", [1, side, side, 2]), Options.ResizeBilinearOptions
    return writer.operator(Op.RESIZE_BILINEAR, [x, size], out, kind=kind, options=resize_options())


def test_a_file_that_resizes_between_convolutions_is_refused(tmp_path):
    for side, complaint in ((9, None), (17, "convolution of resized maps")):
        writer = TFLiteWriter()
        x = convolved(writer, writer.tensor("image", [1, 9, 9, 3]), "a", 3)
        x = convolved(writer, resized(writer, x, side=side), "b", 2)
        (tmp_path / "a.tflite").write_bytes(writer.content(x))
        if complaint is None:
            assert len(read_network(tmp_path / "a.tflite").convolutions) == 2
        else:
            with pytest.raises(InputError, match=complaint):
                read_network(tmp_path / "a.tflite")


def test_a_concatenation_of_rows_is_refused(tmp_path):
    writer = TFLiteWriter()
    image = writer.tensor("image", [1, 9, 9, 3])
    parts = [convolved(writer, image, name, 3) for name in "ab"]
    out = writer.tensor("joined", [1, 18, 9, 2])
    options = [("Int32", 1), ("Int8", 0)]
    writer.operator(Op.CONCATENATION, parts, out, kind=Options.ConcatenationOptions, options=options)
    (tmp_path / "a.tflite").write_bytes(writer.content(out))
    with pytest.raises(InputError, match="another axis than the channels"):
        read_network(tmp_path / "a.tflite")


def test_a_reshaped_map_is_refused(tmp_path):
    writer = TFLiteWriter()
    x = convolved(writer, writer.tensor("image", [1, 9, 9, 3]), "a", 3)
    shape = writer.tensor("shape", [4], values=np.array([1, 3, 27, 2], "i4"))
    x = writer.operator(Op.RESHAPE, [x, shape], writer.tensor("turned", [1, 3, 27, 2]))
    (tmp_path / "a.tflite").write_bytes(writer.content(convolved(writer, x, "b", 2)))
    with pytest.raises(InputError, match="RESHAPE of a map"):
        read_network(tmp_path / "a.tflite")
