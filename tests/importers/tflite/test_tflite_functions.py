"""Operators that change the function of a network are refused; halves are read as the numbers they hold."""

import numpy as np
import pytest

import atrous
from atrous.errors import InputError
from atrous.importers.tflite.network import read_network
from fakes.tflite_writer import Op, Options, TFLiteWriter, conv_options, resize_options


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "complaint"),
    [("add_constant_to_image", "ADD of a constant"), ("add_twice_mid", "ADD of the image, or of maps with themselves")],
)
def test_sums_that_are_no_shortcuts_are_refused(shared, name, complaint):
    with pytest.raises(InputError, match=complaint):
        atrous.load(shared / f"cases/weights/{name}.tflite")


@pytest.mark.shared
def test_halves_are_the_rounded_numbers_of_the_float_file(shared):
    halves = read_network(shared / "cases/weights/fp16_weights.tflite").convolutions
    floats = read_network(shared / "weights/deeplabv3_mnv2_dm05_voc_257_float.tflite").convolutions
    assert len(halves) == len(floats) == 55
    for half, whole in zip(halves, floats, strict=True):
        assert half.name == whole.name
        assert (half.kernel == whole.kernel.astype("f2").astype("f4")).all()


class Graph(TFLiteWriter):
    """An image of 9x9 with values in -1..1 and two convolutions in a row, `a` and `b`; tests add operators."""

    def __init__(self) -> None:
        super().__init__()
        self.image = self.tensor("image", [1, 9, 9, 3])
        self.first = self.convolved(self.image, "a", 3)
        self.last = self.convolved(self.first, "b", 2)

    def convolved(self, x, name, channels, *, kind=Options.Conv2DOptions, into=None):
        weights = self.tensor(f"{name}/weights", [2, 1, 1, channels], values=np.ones((2, 1, 1, channels), "f4"))
        out = self.tensor(name, [1, 9, 9, 2]) if into is None else into
        return self.operator(Op.CONV_2D, [x, weights], out, kind=kind, options=conv_options())

    def quantized(self, x, *, scale, channels):
        small = self.tensor("small", [1, 9, 9, channels], dtype="i1", scales=[scale], zero_points=[0])
        real = self.tensor("real", [1, 9, 9, channels])
        return self.operator(Op.DEQUANTIZE, [self.operator(Op.QUANTIZE, [x], small)], real)

    def resized(self, x, *, side):
        size = self.tensor("size", [2], values=np.array([side, side], "i4"))
        out, kind = self.tensor("resized", [1, side, side, 2]), Options.ResizeBilinearOptions
        return self.operator(Op.RESIZE_BILINEAR, [x, size], out, kind=kind, options=resize_options())

    def labelled(self, x, *, axis):
        numbers = self.tensor("axis", [1], values=np.array([axis], "i4"))
        out, kind = self.tensor("labels", [1, 9, 9], dtype="i4"), Options.ArgMaxOptions
        return self.operator(Op.ARG_MAX, [x, numbers], out, kind=kind, options=[("Int8", 2)])

    def softmax(self, x, *, beta):
        kind, options = Options.SoftmaxOptions, [("Float32", beta)]
        return self.operator(Op.SOFTMAX, [x], self.tensor("s", [1, 9, 9, 2]), kind=kind, options=options)


@pytest.mark.parametrize(
    ("ended", "complaint"),
    [
        (lambda g: g.last, None),
        (lambda g: g.first, "not that of its last convolution, b"),
        (lambda g: g.image, "not that of its last convolution, b"),
        (lambda g: g.labelled(g.last, axis=3), None),
        (lambda g: g.labelled(g.last, axis=2), "labels along another axis"),
        (lambda g: g.softmax(g.last, beta=1.0), None),
        (lambda g: g.softmax(g.last, beta=-1.0), "softmax of scaled logits"),
        (lambda g: g.resized(g.last, side=17), "17x17 positions for an image of 9x9"),
        (lambda g: g.convolved(g.quantized(g.image, scale=1 / 127, channels=3), "c", 3), None),
        (
            lambda g: g.convolved(g.quantized(g.image, scale=0.5 / 127, channels=3), "c", 3),
            "do not hold all its values",
        ),
        (lambda g: g.convolved(g.quantized(g.last, scale=1.0, channels=2), "c", 2), "become 8 bits between"),
        (lambda g: g.convolved(g.last, "c", 2, kind=Options.AddOptions), "options of another one"),
        (lambda g: g.convolved(g.last, "c", 2, into=g.first), "is written to twice"),
        (lambda g: g.convolved(g.last, "c", 2, into=g.image + 1), "is written to twice"),  # the kernel of `a`
    ],
)
def test_what_changes_the_result_is_refused_and_what_does_not_is_read(tmp_path, ended, complaint):
    graph = Graph()
    (tmp_path / "a.tflite").write_bytes(graph.content(ended(graph)))
    if complaint is None:
        assert [each.name for each in read_network(tmp_path / "a.tflite").convolutions][:2] == ["a", "b"]
    else:
        with pytest.raises(InputError, match=complaint):
            read_network(tmp_path / "a.tflite")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("edgetpu-custom-op", r"a\.tflite: compiled for the Edge TPU; give the \.tflite that it was compiled from"),
        ("TFLite_Detection_PostProcess", r"a\.tflite: operator CUSTOM is in no official DeepLab file"),
    ],
)
def test_operators_of_ones_own_are_named(tmp_path, name, complaint):
    graph = Graph()
    labels = graph.operator(Op.CUSTOM, [graph.image], graph.tensor("labels", [1, 9, 9], dtype="i4"))
    (tmp_path / "a.tflite").write_bytes(graph.content(labels, custom=name))
    with pytest.raises(InputError, match=complaint):
        atrous.load(tmp_path / "a.tflite")


def test_files_compiled_in_parts_are_named(tmp_path):
    """A part for the Edge TPU may have several outputs, and parts for the processor before and behind it."""
    graph = Graph()
    outputs = [graph.tensor(name, [1, 9, 9], dtype="i4") for name in ("low", "high")]
    graph.operator(Op.CUSTOM, [graph.last], outputs[0])
    graph.operators[-1][2] = ("UOffsetTRelative", graph._numbers(np.asarray(outputs, "i4")))
    (tmp_path / "a_edgetpu.tflite").write_bytes(graph.content(outputs[1], custom="edgetpu-custom-op"))
    with pytest.raises(InputError, match=r"a_edgetpu\.tflite: compiled for the Edge TPU; give the \.tflite"):
        atrous.load(tmp_path / "a_edgetpu.tflite")


@pytest.mark.parametrize(
    ("scope", "network"),
    [("MobilenetEdgeTPU", "MobileNet-EdgeTPU"), ("meta_architecture", "dense prediction cell"), ("pnasnet", "PNASNet")],
)
def test_networks_of_the_official_code_that_are_not_built_are_named(tmp_path, scope, network):
    """Coral's slim model of Cityscapes has MobileNet-EdgeTPU: its tensors begin as in the official checkpoints."""
    graph = Graph()
    last = graph.convolved(graph.last, f"{scope}/Conv/Relu", 2)
    (tmp_path / "slim.tflite").write_bytes(graph.content(last))
    with pytest.raises(InputError, match=rf"slim\.tflite: its .*{network}.* not built here; `atrous weights` lists"):
        atrous.load(tmp_path / "slim.tflite")
