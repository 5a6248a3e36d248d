"""An HDF5 file of Keras as a `ForeignNetwork`: the Keras port of DeepLab, on Xception-65 or MobileNetV2."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.keras.description import DescribedSettings, check_described, described_settings
from atrous.importers.keras.hdf5 import KerasFile, read_keras
from atrous.importers.keras.layer_names import variable_of
from atrous.importers.tensorflow.mapping import state_of
from atrous.importers.tensorflow.network import config_of, segments
from atrous.importers.tensorflow.variable import Variable
from atrous.labels import PASCAL_VOC
from atrous.model.config import ASPPConfig, MobileNetV2Config, ModelConfig, XceptionConfig
from atrous.report.wording import shortened

_STEMS = ("MobilenetV2/Conv/weights", "xception_65/entry_flow/conv1_1/weights")
_CUSTOM = "custom_logits_semantic"
"""The classifier of a network that was built for other classes than those of the official weights."""


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
        raise InputError(f"{path}: {shortened(str(error), limit=600)}") from error  # names may be anything


def _network(file: KerasFile) -> ForeignNetwork:
    arrays = _named(file)
    variables = {name: Variable(array.shape, array.dtype, lambda array=array: array) for name, array in arrays.items()}
    shapes = {name: variable.shape for name, variable in variables.items()}
    stem = next((shapes[name] for name in _STEMS if name in shapes), None)
    if stem is None:
        raise InputError("weights without the network's first layer (Conv or entry_flow_conv1_1); give all of them")
    config = config_of(shapes, output_stride=None)
    if len(stem) == 4 and stem[2]:
        config = replace(config, in_channels=stem[2])
    mobile = isinstance(config.backbone, MobileNetV2Config)
    described = described_settings(file.layers, mobile=mobile)
    config = _with_settings(config, described, is_custom=_is_custom(file))
    check_described(file.layers, config)
    has_head = segments(shapes)
    state, beyond = state_of(variables, config, segments=has_head)
    labels = PASCAL_VOC if has_head and not _is_custom(file) and config.classes == len(PASCAL_VOC) else None
    return ForeignNetwork(
        format="bonlime/keras-deeplab-v3-plus, HDF5",
        config=config,
        state=state,
        skipped={**file.skipped, **beyond},
        labels=labels,
        segments=has_head,
        assumed=_assumed(described, mobile=mobile) if has_head else (),
        notes=tuple(_notes(file, config, is_voc=labels is not None)),
    )


def _named(file: KerasFile) -> dict[str, np.ndarray]:
    """Arrays by the names of the official code's variables."""
    if not file.weights:
        raise InputError("an HDF5 file without weights of Keras; give the file that save_weights or save wrote")
    arrays: dict[str, np.ndarray] = {}
    for (layer, weight), array in sorted(file.weights.items()):
        variable = variable_of(layer, weight)
        if variable is None:
            raise InputError(
                f"weights of Keras whose layers are not those of the DeepLab port with the official names, such as "
                f"{layer:.80}/{weight:.80}; give the PyTorch or TensorFlow checkpoint that it was made from"
            )
        if variable in arrays:
            raise InputError(f"several layers stand for {variable}, such as {layer}; remove one of them")
        arrays[variable] = array
    return arrays


def _with_settings(config: ModelConfig, described: DescribedSettings, *, is_custom: bool) -> ModelConfig:
    """Settings that the port has in its own way: output stride, rates, resizing, sizes."""
    if described.rates is not None and isinstance(config.head, ASPPConfig) and config.head.rates:
        config = replace(config, head=replace(config.head, rates=described.rates))
    conventions = replace(config.conventions, align_corners=not described.by_edges)
    if is_custom:  # trained by the port itself, which takes every size as it is
        conventions = replace(conventions, fit="none")
    return replace(config, output_stride=described.output_stride or 16, conventions=conventions)


def _assumed(described: DescribedSettings, *, mobile: bool) -> tuple[str, ...]:
    """Names of the settings that the file does not state."""
    unstated = {
        "output_stride": described.output_stride is None,
        "rates": not mobile and described.rates is None,
        "scaling": True,
        "align_corners": not described.by_edges,
    }
    return tuple(name for name, is_unstated in unstated.items() if is_unstated)


def _notes(file: KerasFile, config: ModelConfig, *, is_voc: bool) -> Iterator[str]:
    if is_voc:
        yield "classes are named as PASCAL VOC's, for there are 21 and the classifier is called logits_semantic"
    if _is_custom(file) and isinstance(config.backbone, XceptionConfig):
        yield "on even sides its maps lie a pixel further left and up than the port's; odd sides are the same"


def _is_custom(file: KerasFile) -> bool:
    return any(layer == _CUSTOM for layer, _ in file.weights)
