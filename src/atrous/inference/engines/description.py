"""Description of an exported model, which travels in the metadata of its file: classes, input, output and origin."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.plain import from_plain, to_plain
from atrous.version import __version__

Output = Literal["labels", "probabilities", "logits"]
"""Map that an exported model computes: class ids `[b, h, w]`, or a number per class `[b, classes, h, w]`."""

Layout = Literal["nhwc", "nchw"]
"""Order of the axes of the images that an exported model takes."""

ExportPrecision = Literal["float32", "float16", "int8"]
"""Number type of the weights and convolutions of an exported model."""

PREFIX = "atrous."
"""Beginning of the names of the entries in a file's metadata; each holds one field as JSON."""

LONGEST_ENTRY = 4 << 20
"""Characters of the longest entry that is read; a label space of 65535 classes is shorter."""


@dataclass(frozen=True)
class ExportDescription:
    """Description of an exported model.

    Attributes:
        labels: Names and colours of the classes, and the ignore value.
        output: Map that the model computes.
        layout: Order of the axes of the images.
        precision: Number type of the convolutions.
        in_channels: Number of channels of the images.
        output_stride: Output stride of the backbone.
        weights_sha256: Hash of the weights; None for a model that came from no file.
        picture_range: Numbers that are black and white in pictures of more than 8 bits per band, as (low, high) or one
            pair per band; None where the training data declared none.
        version: Version of this package that wrote the file.
    """

    labels: LabelSpace
    output: Output
    layout: Layout
    precision: ExportPrecision
    in_channels: int
    output_stride: int
    weights_sha256: str | None = None
    picture_range: Any = None
    version: str = __version__

    def to_metadata(self) -> dict[str, str]:
        """Return the entries of the metadata: a JSON text for each field."""
        return {f"{PREFIX}{name}": json.dumps(value, sort_keys=True) for name, value in to_plain(self).items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], *, where: str) -> "ExportDescription":
        """Read the entries of a file's metadata; others are ignored.

        Args:
            metadata: Names and texts.
            where: Name of the file, for messages.

        Raises:
            InputError: If entries are missing or damaged: the file is no export of ours.
        """
        found: dict[str, Any] = {}
        for name in (field.name for field in fields(cls)):
            text = metadata.get(f"{PREFIX}{name}")
            if text is None:
                continue
            if len(text) > LONGEST_ENTRY:
                raise InputError(f"{where}: its entry {PREFIX}{name} is longer than any real one")
            try:
                found[name] = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{where}: its entry {PREFIX}{name} is no JSON; export the weights again") from error
        if "labels" not in found:
            raise InputError(f"{where} was not written by atrous export: it does not name its classes")
        description = from_plain(cls, found, where=where)
        if description.in_channels < 1 or description.output_stride < 1:
            raise InputError(f"{where}: its channels and output stride are not positive; export the weights again")
        return description
