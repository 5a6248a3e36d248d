"""`atrous convert SOURCE OUT`: weights of other projects to an archive, or an archive to their layouts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console

from atrous.cli.inference import load_weights
from atrous.cli.options import normalized, parse
from atrous.cli.weight_settings import WeightSettings
from atrous.data.schema import read_schema
from atrous.errors import InputError
from atrous.importers.convert import Conversion, convert
from atrous.importers.export_weights import to_hugging_face, to_torchvision
from atrous.importers.file_head import read_head
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.readers import read_foreign, weights_sha256
from atrous.inference.engines.export_format import SUFFIXES as EXPORTED
from atrous.labels import LabelSpace
from atrous.report.wording import one_line
from atrous.weights.archive import is_archive, save
from atrous.weights.download import resolve

SUFFIX = ".safetensors"
"""Suffix of the files that are written."""

_OTHER_FORMATS = frozenset(
    {".pth", ".pt", ".tar", ".ckpt", ".bin", ".pkl", ".npz", ".h5", ".keras", ".pb", ".tflite", ".mlmodel", ".engine"}
)
"""Suffixes that promise formats which this verb does not write."""

LARGEST_LIST = 1 << 20
"""Largest file of class names, in bytes."""


@dataclass(frozen=True)
class Options:
    """Convert weights of another project to an archive; every tensor is mapped, listed as left out, or listed as fresh.

    The project is recognised by its tensors: torchvision, timm, Hugging Face, segmentation_models.pytorch,
    MMSegmentation, detectron2, VainF, jfzhang95, TensorFlow DeepLab, its Keras port. No pickle is ever executed.
    Settings that tensors do not show (output stride, rates) are those that the project builds by default, unless they
    are given as options.

    Example: atrous convert deeplabv3_resnet101_coco.pth voc.safetensors
    """

    source: tyro.conf.Positional[str]
    """A checkpoint (.pth, .pt, .bin, .pkl, .safetensors, TensorFlow's, .pb, .tar.gz, Keras' .h5), a folder of Hugging
    Face's, or an archive with --to."""
    out: tyro.conf.Positional[Path]
    """The archive to write; with --to huggingface a folder."""
    classes: tuple[str, ...] = ()
    """Other classes: names, a text file with a name per line, or a schema.toml. Rows are copied by name."""
    head: Literal["copied", "fresh"] = "copied"
    """`copied` takes over the head; `fresh` takes the backbone alone, as for an ImageNet classifier."""
    output_stride: int | None = None
    """Output stride of the training; by default that of the project."""
    weight_settings: WeightSettings = field(default_factory=WeightSettings)
    half: bool = False
    """Store parameters in 16 bits."""
    to: Literal["atrous", "torchvision", "huggingface"] = "atrous"
    """Layout to write; state dicts of other projects are safetensors, too."""


def main(arguments: Sequence[str]) -> int:
    """Convert, and list what was done with every tensor; returns the exit status."""
    options = parse(Options, _with_out_last(arguments), verb="convert")
    head = read_head(resolve(options.source))
    path = head.path
    if options.to != "atrous" or is_archive(head):
        return _export(options, path)
    out = _target(options, name=path.stem)
    source = read_foreign(head, options.weight_settings.overrides(output_stride=options.output_stride))
    try:
        converted = convert(source, labels=_labels(options.classes), head=options.head)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    provenance = {"source": path.name, "sha256": weights_sha256(head), "format": source.format}
    notes = [*source.notes, *converted.notes]
    provenance |= {**source.choices, **({"notes": notes} if notes else {})}
    save(out, converted.model, labels=converted.labels, provenance=provenance, half=options.half)
    _report(source, converted, out=out)
    return 0


def _target(options: Options, *, name: str) -> Path:
    """The file to write: in a folder that is there, one called `name`; a name that states no format gets the suffix.

    Raises:
        InputError: If the suffix promises another format than safetensors.
    """
    out, suffix = options.out, options.out.suffix.lower()
    if options.to == "huggingface" or suffix == SUFFIX:
        return out
    if out.is_dir():
        return out / f"{name}{SUFFIX}"
    if suffix not in _OTHER_FORMATS and suffix not in EXPORTED:
        return out.with_name(out.name + SUFFIX)
    if suffix in EXPORTED:
        remedy = f"atrous export writes {', '.join(EXPORTED)}"
    else:
        remedy = "--to huggingface writes a folder, and atrous export writes " + ", ".join(EXPORTED)
    raise InputError(f"{out}: atrous convert writes {SUFFIX}; end the name in it ({remedy})")


def _with_out_last(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--out FILE`, as other verbs have it, in the place that it has here."""
    words = normalized(arguments)
    if "--out" not in words[:-1]:
        return words
    at = words.index("--out")
    return [*words[:at], *words[at + 2 :], words[at + 1]]


def _export(options: Options, path: Path) -> int:
    if options.to == "atrous":
        raise InputError(
            f"{options.source} is an archive of this project already; to write it for another, say --to torchvision or "
            "--to huggingface"
        )
    out = _target(options, name=f"{path.stem}-{options.to}")
    archive = load_weights(str(path))
    if options.to == "torchvision":
        to_torchvision(out, archive.model)
    else:
        to_hugging_face(out, archive.model, labels=archive.labels)
    print(f"weights  {out}")
    return 0


def _labels(classes: tuple[str, ...]) -> LabelSpace | None:
    """The label space of the classes given as names or as a file; None if none are given."""
    if not classes:
        return None
    path = Path(classes[0])
    if len(classes) > 1 or not path.is_file():
        return LabelSpace(classes)
    if path.suffix == ".toml":
        return read_schema(path).labels
    if path.stat().st_size > LARGEST_LIST:
        raise InputError(f"{path} is no list of classes; write one name per line")
    try:
        return LabelSpace(tuple(filter(None, map(str.strip, path.read_text().splitlines()))))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no list of classes ({error}); write one name per line") from error


def _report(source: ForeignNetwork, converted: Conversion, *, out: Path) -> None:
    console = Console(highlight=False, soft_wrap=True, markup=False)
    config = converted.model.config
    console.print(f"format   {source.format}")
    console.print(f"network  {config.backbone.kind}, output stride {config.output_stride}, {config.classes} classes")
    if line := source.choices.get("assumed"):
        console.print(f"assumed  {one_line(line)}")
    for note in (*source.notes, *converted.notes):
        console.print(f"note     {one_line(note)}")
    console.print(f"mapped   {len(converted.mapped)} tensors")
    for title, reasons in (("skipped", converted.skipped), ("fresh", converted.fresh)):
        for reason, names in _by_reason(reasons):
            console.print(f"{title:<9}{one_line(reason)}: {one_line(', '.join(names))}")
    console.print(f"weights  {out}")


def _by_reason(reasons: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    ordered = sorted(reasons, key=lambda name: reasons[name])
    return [(reason, list(names)) for reason, names in groupby(ordered, key=lambda name: reasons[name])]
