"""`atrous info MODEL`: strides, rates and sizes of all units, parameters, multiply-adds, valid ASPP taps."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Annotated

import tyro

from atrous.analysis.summary import ModelSummary, SizedUnit, model_summary
from atrous.cli.inference import load_weights
from atrous.cli.info_plot import draw
from atrous.cli.options import normalized, parse_normalized
from atrous.cli.weight_settings import WeightSettings
from atrous.errors import InputError, closest
from atrous.importers.file_head import read_head
from atrous.importers.overrides import Overrides
from atrous.importers.readers import is_readable
from atrous.model.any_backbone import is_any_model
from atrous.model.config import ASPPConfig, DecoderConfig, ModelConfig
from atrous.model.presets import PRESETS, preset
from atrous.plain import to_plain
from atrous.report.tables import Table
from atrous.sizes import Size, parse_size, size_text
from atrous.weights import hub
from atrous.weights.archive import Archive, is_archive
from atrous.weights.download import exists
from atrous.weights.manifest import MANIFEST
from atrous.weights.run_folder import LAST

DEFAULT_SIZE = "513"
"""Size of the papers' crops of PASCAL VOC."""

_SPELLINGS = {"--mean": "--input-mean", "--std": "--input-std"}
"""Options as the other verbs spell them."""

_WEIGHT_SUFFIXES = (
    ".safetensors",
    ".pth",
    ".pt",
    ".ckpt",
    ".bin",
    ".tflite",
    ".onnx",
    ".npz",
    ".pdparams",
    ".mlmodel",
    ".h5",
)


@dataclass(frozen=True)
class Options:
    """Show stride, rate and size of every unit of a model, its parameters, multiply-adds and valid ASPP taps.

    The network is not run, except for a plot, so that any size takes a second. Every setting of the model is an option.

    Example: atrous info deeplabv3plus_resnet101 --size 1025x2049 --output-stride 8 --classes 19
    """

    model: tyro.conf.Positional[str]
    """A preset, or weights (a file, the folder of a run or of Hugging Face, hf://user/name, or a name that
    `atrous weights` lists); the defaults below are its own."""
    config: ModelConfig
    decoder: bool
    """Use the decoder of DeepLabv3+."""
    size: str = DEFAULT_SIZE
    """Image size in pixels: one number, or height x width as 1025x2049; by default that of the file, or of the crops
    it was trained on, if it states one, else 513."""
    key: str | None = None
    """Name of the state dict to take, where a checkpoint has several."""
    stride_in_1x1: bool | None = None
    """True if the bottlenecks of a ResNet stride in their first 1x1 convolution (Caffe), False for the 3x3."""
    json: bool = False
    """Print one JSON object instead of tables."""
    plot: Annotated[Path | None, tyro.conf.arg(metavar="FILE|FOLDER")] = None
    """Draw the units, the effective receptive field (measured, in seconds to minutes) and the valid taps: as one .svg
    or .png, or as both in a folder."""


def main(arguments: Sequence[str]) -> int:
    """Print the parts of a model; returns the exit status."""
    arguments = normalized(arguments, aliases=_SPELLINGS)
    model = _model_name(arguments)
    archive = None
    if model not in PRESETS and _is_weights(model):
        archive = load_weights(model, WeightSettings(key=_stated_key(arguments)))
    weights = None if archive is None else archive.model
    config = _preset(model) if weights is None else weights.config
    options = _options(arguments, model=model, config=config, size=_size_of(archive))
    size = parse_size(options.size)
    decoder = (options.config.decoder or DecoderConfig()) if options.decoder else None
    config = Overrides(stride_in_1x1=options.stride_in_1x1).applied(replace(options.config, decoder=decoder))
    found = model_summary(config, size=size)
    plots = () if options.plot is None else draw(options.plot, options.model, config, found, size=size, weights=weights)
    if options.json:
        asked = {"model": options.model, "size": size, "output_stride": config.output_stride, "classes": config.classes}
        drawn = {"plots": list(map(str, plots))} if plots else {}
        print(json.dumps({**asked, **to_plain(found), **drawn}))
    else:
        _print_tables(options.model, config, found, size=size)
        for path in plots:
            print(f"drawn in {path}")
    return 0


def _stated_key(words: Sequence[str]) -> str | None:
    """Value of --key, which decides which weights are loaded and so the defaults of all other options."""
    return words[words.index("--key") + 1] if "--key" in words[:-1] else None


def _size_of(archive: Archive | None) -> str:
    """Size of the images that a file of weights states, or of its training's crops, else the default."""
    provenance = {} if archive is None else archive.provenance
    training = provenance.get("training")
    stated = provenance.get("size") or (training.get("crop") if isinstance(training, dict) else None)
    if isinstance(stated, list) and len(stated) == 2 and all(type(length) is int and length > 0 for length in stated):
        return size_text((stated[0], stated[1]))
    return DEFAULT_SIZE


def _options(arguments: Sequence[str], *, model: str, config: ModelConfig, size: str) -> Options:
    """Parse the options; their defaults are the configuration of the model."""
    # The decoder's options are offered even where it is left out, unless there can be none.
    decoder = config.decoder or (DecoderConfig() if isinstance(config.head, ASPPConfig) else None)
    default = Options(model, config=replace(config, decoder=decoder), decoder=config.decoder is not None, size=size)
    options = parse_normalized(Options, arguments, verb="info", default=default)
    if not options.decoder and options.config.decoder != decoder:
        raise InputError("options of the decoder were given but there is none; add --decoder")
    return options


def _model_name(arguments: Sequence[str]) -> str:
    """The model among the arguments, of which others may be paths, too.

    The first known name, else the first path that is recognised as weights, else the argument in front, else the first
    path that exists, which the error will name.
    """
    in_front = arguments[:1] if arguments and not arguments[0].startswith("-") else ()
    known = (argument for argument in arguments if argument in PRESETS or _is_name(argument))
    weights = filter(_is_recognised, arguments)
    existing = (argument for argument in arguments if exists(Path(argument)))
    for argument in chain(known, weights, in_front, existing):
        return argument
    if "-h" in arguments or "--help" in arguments:
        return next(iter(PRESETS))
    raise InputError(f"which model? give a file of weights, or one of {', '.join(PRESETS)}")


def _preset(name: str) -> ModelConfig:
    """Configuration of a preset; raises InputError with a name of presets or weights that resembles an unknown one."""
    if Path(name).suffix.lower() in _WEIGHT_SUFFIXES and not exists(Path(name)):
        raise InputError(f"no such file: {name}; give a file of weights, or a name that `atrous weights` lists")
    if name not in PRESETS and not is_any_model(name) and (similar := closest(name, [*PRESETS, *MANIFEST])):
        raise InputError(f"unknown model {name!r}; did you mean {similar!r}?")
    return preset(name)


def _is_weights(argument: str) -> bool:
    return _is_name(argument) or exists(Path(argument))


def _is_name(argument: str) -> bool:
    return argument in MANIFEST or argument.startswith(hub.SCHEME)


def _is_recognised(argument: str) -> bool:
    """Return True for a path of weights of a kind that can be read, or for the folder of a run with a checkpoint."""
    path = Path(argument)
    try:
        head = read_head(path)
    except InputError:  # a pipe, or nothing that can be opened
        return False
    return (head.is_folder and (path / LAST).is_file()) or is_archive(head) or is_readable(head)


def _print_tables(model: str, config: ModelConfig, found: ModelSummary, *, size: Size) -> None:
    fitted = "" if found.fitted_size == size else f", padded to {size_text(found.fitted_size)}"
    print(
        f"{model} on {size_text(size)} pixels{fitted}\n"
        f"output stride {config.output_stride}, {config.classes} classes\n"
        f"{found.parameters / 1e6:.3f} M parameters, {found.multiply_adds / 1e9:.3f} B multiply-adds"
        f" ({found.padded_multiply_adds / 1e9:.3f} B with TensorFlow's padding to multiples of the rates)\n"
        f"receptive field {found.receptive_field} pixels, image pooling left out (it sees all of the image)\n",
    )
    print(_unit_table(found.units).to_text())
    if found.valid_taps:
        print("\n" + _tap_table(found).to_text())
    for unit in found.units:
        if unit.rate >= min(unit.size):
            print(
                f"warning: {unit.name} has rate {unit.rate} on a map of {size_text(unit.size)}: "
                "at most 3 of its 9 taps see more than padding"
            )


def _unit_table(units: Sequence[SizedUnit]) -> Table:
    return Table(
        columns=("unit", "stride", "rate", "output stride", "size", "receptive field"),
        rows=tuple(
            (unit.name, unit.stride, unit.rate, unit.output_stride, size_text(unit.size), unit.receptive_field or None)
            for unit in units
        ),
        caption="Units",
        formats=("", "d", "d", "d", "", "d"),
    )


def _tap_table(found: ModelSummary) -> Table:
    taps = found.valid_taps[0].shares
    return Table(
        columns=("ASPP rate", "mean", *(f"{count} of 9" for count in taps)),
        rows=tuple((valid.rate, valid.mean, *valid.shares.values()) for valid in found.valid_taps),
        caption="Share of filter taps inside the map",
        formats=("d", ".3f", *[".3f"] * len(taps)),
    )
