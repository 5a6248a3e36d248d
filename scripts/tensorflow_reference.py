"""What the official TensorFlow code gives, stored for tests that have no TensorFlow.

    pip install "tensorflow-cpu==2.15.*" tf_slim          # Python 3.11, an environment of its own
    python scripts/tensorflow_reference.py MODELS/research [CASE...]

MODELS is a checkout of github.com/tensorflow/models that still has research/deeplab and research/slim (2020). Its code
is written for TensorFlow 1; `as_tensorflow_1` puts the names that it imports where it looks for them. All variables and
the image are drawn from names (`drawn_variable`); a test draws the same. Stored in tests/reference/: coarse logits
(tensorflow_deeplab.safetensors), the shapes of all variables by case (tensorflow_deeplab_shapes.json.gz), and one tiny
network in every form in which TensorFlow writes it (tensorflow_tiny.tar.gz).
"""

import gzip
import json
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import keras.src.legacy_tf_layers.normalization
import numpy as np
import tensorflow
import tf_slim
import tf_slim.layers.layers
import tf_slim.layers.utils
import tf_slim.nets.resnet_utils
from safetensors.numpy import load_file, save_file

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from reference.tensorflow_variables import drawn_image, drawn_variable  # noqa: E402

REFERENCE = TESTS / "reference"
LOGITS, SHAPES = REFERENCE / "tensorflow_deeplab.safetensors", REFERENCE / "tensorflow_deeplab_shapes.json.gz"
TF = tensorflow.compat.v1

SIZES = ((65, 81), (64, 72))
"""Odd, all maps of the form output stride * k + 1; even."""

ASPP = {"atrous_rates": [6, 12, 18]}
DECODER = {"decoder_output_stride": [4]}
PLAIN = {"aspp_with_separable_conv": False, "decoder_use_separable_conv": False}
LITE = {
    "aspp_convs_filters": 128,
    "aspp_with_concat_projection": False,
    "aspp_with_squeeze_and_excitation": True,
    "decoder_use_sum_merge": True,
    "decoder_filters": 5,
    "decoder_output_is_logits": True,
    "image_se_uses_qsigmoid": True,
    "image_pooling_stride": [4, 5],
    "decoder_output_stride": [8],
}


class Case(NamedTuple):
    """A network of the official code: model variant, output stride, other options."""

    variant: str
    output_stride: int
    options: Mapping[str, Any]


CASES = {
    "xception_65": Case("xception_65", 16, {**ASPP, **DECODER}),
    "xception_65_stride_8": Case("xception_65", 8, {"atrous_rates": [12, 24, 36], **DECODER}),
    "xception_41": Case("xception_41", 16, {**ASPP, **DECODER}),
    "xception_71": Case("xception_71", 16, {**ASPP, **DECODER}),
    "mobilenet_v2": Case("mobilenet_v2", 16, {}),
    "mobilenet_v2_stride_8": Case("mobilenet_v2", 8, {}),
    "mobilenet_v2_half": Case("mobilenet_v2", 16, {"depth_multiplier": 0.5}),
    "mobilenet_v2_decoder": Case("mobilenet_v2", 16, {**ASPP, **DECODER}),
    "mobilenet_v2_decoder_without_rates": Case("mobilenet_v2", 16, DECODER),
    "resnet_v1_50_beta": Case("resnet_v1_50_beta", 16, {**ASPP, **DECODER, "multi_grid": [1, 2, 4]}),
    "resnet_v1_101_beta": Case("resnet_v1_101_beta", 16, {**ASPP, **PLAIN, "multi_grid": [1, 2, 4]}),
    "resnet_v1_50": Case("resnet_v1_50", 16, {**ASPP, **DECODER, **PLAIN}),
    "mobilenet_v3_large": Case("mobilenet_v3_large_seg", 32, LITE),
    "mobilenet_v3_small": Case("mobilenet_v3_small_seg", 32, LITE),
}

TINY = Case("mobilenet_v2", 16, {"depth_multiplier": 0.1, "aspp_convs_filters": 8})


def as_tensorflow_1(research: Path) -> None:
    """Let the official code find what it imports."""
    layers = sys.modules["tf_slim.layers"]  # the package: tf_slim's own attribute of this name is a module in it
    layers.layers, layers.utils = sys.modules["tf_slim.layers.layers"], sys.modules["tf_slim.layers.utils"]
    modules = {
        "tensorflow": TF,
        "tensorflow.contrib": ModuleType("contrib"),
        "tensorflow.contrib.slim": tf_slim,
        "tensorflow.contrib.slim.nets": tf_slim.nets,
        "tensorflow.contrib.layers": layers,
        "tensorflow.contrib.layers.python": ModuleType("python"),
        "tensorflow.contrib.layers.python.layers": layers,
        "tensorflow.contrib.framework": tf_slim,
        "tensorflow.contrib.training": ModuleType("training"),
        # TensorFlow 2.15 looks for this batch norm here; it is a part of the Keras that it comes with.
        "tf_keras": ModuleType("tf_keras"),
        "tf_keras.legacy_tf_layers": ModuleType("legacy_tf_layers"),
        "tf_keras.legacy_tf_layers.normalization": keras.src.legacy_tf_layers.normalization,
    }
    for name, module in modules.items():
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
    np.int = int  # noqa: NPY001  (as NumPy had it until 1.24)
    sys.path[:0] = [str(research), str(research / "slim")]


@contextmanager
def network(case: Case, size: tuple[int, int], *, classes: int = 5) -> Iterator[tuple[Any, Any]]:
    """(session, coarse logits) of the drawn image, with drawn variables."""
    from absl import flags
    from deeplab import common, model
    from deeplab.core import conv2d_ws

    conv2d_ws.Conv2D._convolution_op = TF.keras.layers.Conv2D.convolution_op  # as Keras called it until 2.6
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["reference"])
    options = common.ModelOptions({"semantic": classes}, crop_size=list(size), output_stride=case.output_stride)
    options = options._replace(model_variant=case.variant, **case.options)
    with TF.Graph().as_default(), TF.Session() as session:
        images = TF.placeholder(TF.float32, (1, *size, 3), name="ImageTensor")
        scaled = model.multi_scale_logits(images, options, image_pyramid=None, is_training=False)
        TF.train.get_or_create_global_step()
        variables = TF.global_variables()
        drawn = {v.initializer.inputs[1]: drawn_variable(v.op.name, v.shape.as_list()) for v in TF.model_variables()}
        session.run([variable.initializer for variable in variables], drawn)
        yield session, scaled["semantic"]["merged_logits"]


def write_logits(names: Sequence[str]) -> None:
    """Of these cases; what is stored of the others stays."""
    tensors, shapes = {}, {}
    if LOGITS.exists():
        tensors, shapes = load_file(LOGITS), json.loads(gzip.decompress(SHAPES.read_bytes()))
    for name in names:
        for size in SIZES:
            with network(CASES[name], size) as (session, logits):
                shapes[name] = {v.op.name: v.shape.as_list() for v in TF.global_variables() if v.shape.as_list()}
                value = session.run(logits, {"ImageTensor:0": drawn_image(*size)})
            tensors[f"{name}/{size[0]}x{size[1]}"] = np.ascontiguousarray(value.transpose(0, 3, 1, 2))
            print(name, size, value.shape, "standard deviation", value.std(), flush=True)
        save_file(tensors, LOGITS)
        SHAPES.write_bytes(gzip.compress(json.dumps(shapes, sort_keys=True).encode(), mtime=0))


def write_files() -> None:
    """A V2 and a V1 checkpoint with momentum, a frozen graph, and an archive as the official ones."""
    with network(TINY, SIZES[0]) as (session, logits):
        TF.identity(logits, name="logits_out")
        names = [v.op.name for v in TF.trainable_variables()][:2]
        for name in names:
            shape = session.graph.get_tensor_by_name(f"{name}:0").shape
            with TF.variable_scope("", reuse=TF.AUTO_REUSE):
                slot = TF.get_variable(f"{name}/Momentum", shape, initializer=TF.ones_initializer())
            session.run(slot.initializer)
        session.run(TF.train.get_global_step().assign(30000))
        frozen = TF.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(), ["logits_out"])
        with tempfile.TemporaryDirectory() as scratch:
            TF.train.Saver(write_version=TF.train.SaverDef.V1).save(
                session, f"{scratch}/v1.ckpt", write_meta_graph=False, write_state=False
            )
            TF.train.Saver().save(session, f"{scratch}/model.ckpt", write_meta_graph=False, write_state=False)
            Path(scratch, "frozen_inference_graph.pb").write_bytes(frozen.SerializeToString())
            pack(REFERENCE / "tensorflow_tiny.tar.gz", Path(scratch))


def pack(path: Path, scratch: Path) -> None:
    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        return member.replace(mtime=0, uid=0, gid=0, uname="", gname="", deep=False)

    with gzip.GzipFile(path, "wb", mtime=0) as file, tarfile.open(fileobj=file, mode="w") as tar:
        for part in sorted(scratch.iterdir()):
            tar.add(part, arcname=f"deeplabv3_tiny/{part.name}", filter=anonymous)


if __name__ == "__main__":
    as_tensorflow_1(Path(sys.argv[1]).resolve())
    if not sys.argv[2:]:
        write_files()
    write_logits(sys.argv[2:] or list(CASES))
