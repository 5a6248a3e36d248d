"""An HDF5 file of Keras as a `ForeignNetwork`: DeepLabv3+ of the Keras port, on Xception-65 or MobileNetV2."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.keras.hdf5 import KerasFile, read_keras
from atrous.importers.keras.layer_names import CUSTOM_LOGITS, variable_of
from atrous.importers.tensorflow.mapping import state_of
from atrous.importers.tensorflow.network import config_of, segments
from atrous.importers.tensorflow.variable import Variable
from atrous.labels import PASCAL_VOC
from atrous.model.config import MobileNetV2Config, ModelConfig

_STRIDING = "entry_flow_block3_separable_conv3_depthwise"
"""The layer that strides by 2 at output stride 16, and by 1 at 8."""


def read_keras_network(path: Path) -> ForeignNetwork:
    """Read the weights of the Keras port, or a whole model of it.

    Weights alone say neither the output stride of Xception (16 is assumed, the port's default) nor how maps are
    resized: most versions of the port align corners, as the official code does. On MobileNetV2 it always has stride 8.

    Raises:
        InputError: If it cannot be read, is damaged, or holds another network.
    """
    try:
        return _network(read_keras(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _network(file: KerasFile) -> ForeignNetwork:
    if not file.weights:
        raise InputError("an HDF5 file without weights of Keras; give the file that save_weights or save wrote")
    named = {place: variable_of(*place) for place in file.weights}
    unknown = [f"{layer}/{weight}" for (layer, weight), variable in named.items() if variable is None]
    if any(layer == "vars" for layer, _ in named):
        raise InputError(
            "Keras 3's file of weights, which numbers them and does not name their layers; write the whole model as "
            "HDF5: model.save('mine.h5')"
        )
    if unknown:
        raise InputError(
            f"weights of Keras whose layers are not those of the DeepLabv3+ port with the official names, such as "
            f"{', '.join(sorted(unknown)[:3]):.200}; give the PyTorch or TensorFlow checkpoint that it was made from"
        )
    arrays = {f"{variable}": file.weights[place] for place, variable in named.items()}
    if len(arrays) < len(named):
        raise InputError("two of its layers stand for the same layer of the network; remove one of them")
    variables = {name: Variable(array.shape, array.dtype, lambda array=array: array) for name, array in arrays.items()}
    shapes = {name: variable.shape for name, variable in variables.items()}
    config = _with_settings(config_of(shapes, output_stride=None), file, shapes)
    has_head = segments(shapes)
    state, beyond = state_of(variables, config, segments=has_head)
    custom = any(layer == CUSTOM_LOGITS for layer, _ in file.weights)
    return ForeignNetwork(
        format="bonlime/keras-deeplab-v3-plus, HDF5",
        config=config,
        state=state,
        skipped={**file.skipped, **beyond},
        labels=PASCAL_VOC if has_head and not custom and config.classes == len(PASCAL_VOC) else None,
        segments=has_head,
        assumed=_assumed(config, file) if has_head else (),
    )


def _with_settings(config: ModelConfig, file: KerasFile, shapes: Mapping[str, tuple[int, ...]]) -> ModelConfig:
    """Settings that the port has in its own way: channels, output stride, resizing, sizes."""
    stem = shapes.get(
        "MobilenetV2/Conv/weights" if _is_mobile(config) else "xception_65/entry_flow/conv1_1/weights", ()
    )
    channels = stem[2] if len(stem) == 4 and stem[2] else config.in_channels
    stride = output_stride(file, mobile=_is_mobile(config)) or 16
    conventions = replace(config.conventions, align_corners=not _resizes_by_edges(file))
    if any(layer == CUSTOM_LOGITS for layer, _ in file.weights):
        # Trained by the port itself, which takes every size as it is; official weights expect 16 k + 1.
        conventions = replace(conventions, fit="none")
    return replace(config, in_channels=channels, output_stride=stride, conventions=conventions)


def _assumed(config: ModelConfig, file: KerasFile) -> tuple[str, ...]:
    unstated = ["rates", "scaling"]
    if output_stride(file, mobile=_is_mobile(config)) is None:
        unstated.insert(0, "output_stride")
    if not _resizes_by_edges(file):
        unstated.append("align_corners")
    return tuple(unstated)


def _is_mobile(config: ModelConfig) -> bool:
    return isinstance(config.backbone, MobileNetV2Config)


def output_stride(file: KerasFile, *, mobile: bool) -> int | None:
    """Output stride: of MobileNetV2 as the port builds it, of Xception as a whole model states; None if it does not."""
    strides = file.layers.get(_STRIDING, {}).get("config", {}).get("strides")
    return 8 if mobile or strides == [1, 1] else 16 if strides == [2, 2] else None


def _resizes_by_edges(file: KerasFile) -> bool:
    """Return True if the model resizes by Keras' own layers, which align the edges of corner pixels."""
    return any(layer.get("class_name") in ("Resizing", "UpSampling2D") for layer in file.layers.values())
