"""Network of another project's file: its configuration and its tensors by the names used here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from atrous.importers.overrides import assumed
from atrous.labels import LabelSpace
from atrous.model.config import ModelConfig
from atrous.sizes import Size


@dataclass(frozen=True)
class ForeignNetwork:
    """A foreign network whose every tensor is accounted for.

    Attributes:
        format: Kind of file in words: `TensorFlow checkpoint`, `torchvision DeepLabv3`.
        config: The network, with the conventions that its weights expect. Of a classifier: a model with its backbone,
            whose head means nothing.
        state: Tensors by the names of `build(config)`; of a classifier those of the backbone alone.
        skipped: Names in the file of tensors without a place in the network, each with the reason.
        labels: Names of the classes, where they are known, or guessed from their number.
        labels_stated: True if the file states these names.
        assumed: Settings that neither tensors nor anything beside them state, as `overrides.assumed` names them.
        notes: Sentences about choices that were made in reading, such as averaged weights that were taken.
        size: (height, width) of the image in pixels, where the file states one.
        rates_at_any_stride: True if the project builds its ASPP with the same rates at every output stride.
        layers: The file's name of every layer to ours, for messages.
        segments: True if there is a head; False for a classifier, good for a backbone only.
    """

    format: str
    config: ModelConfig
    state: Mapping[str, Tensor]
    skipped: Mapping[str, str] = field(default_factory=dict)
    labels: LabelSpace | None = None
    size: Size | None = None
    segments: bool = True
    assumed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rates_at_any_stride: bool = False
    labels_stated: bool = False
    layers: Mapping[str, str] = field(default_factory=dict)

    @property
    def choices(self) -> dict[str, Any]:
        """Entries for a provenance: `assumed`, one line of settings that nothing states, `notes`, and `size`."""
        line = assumed(self.config, self.assumed)
        size = None if self.size is None else list(self.size)
        entries = {"assumed": line, "notes": list(self.notes), "size": size}
        return {name: entry for name, entry in entries.items() if entry}
