"""`atrous export WEIGHTS --out FILE`: weights as a file for another engine, compared with the weights."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from atrous.cli.console import progress_callback
from atrous.cli.inference import load_weights
from atrous.cli.options import parse
from atrous.cli.weight_settings import WeightSettings
from atrous.data.dataset import DataSet, open_data
from atrous.data.formats.image_names import image_files
from atrous.data.formats.images import upright_size
from atrous.errors import InputError
from atrous.export.export import ProofError, export, output_format
from atrous.export.int8 import Pictures
from atrous.export.onnx_file import DEFAULT_OPSET
from atrous.export.phone import DEFAULT_SIZE, export_phone, phone_format
from atrous.export.phone_file import PHONE_SUFFIXES, PhoneFormat
from atrous.export.proof import OnProgress, Proof
from atrous.export.tensorrt import check_tensorrt, write_tensorrt
from atrous.export.triton import check_triton, write_triton
from atrous.export.web_folder import check_web, export_web
from atrous.inference.engines.description import ExportPrecision, Layout, Output
from atrous.inference.engines.export_format import SUFFIXES, ExportFormat
from atrous.inference.engines.open_engine import is_exported
from atrous.inference.engines.proof_record import proof_path, read_description
from atrous.inference.predictor import Predictor
from atrous.sizes import Size
from atrous.weights.archive import Archive


@dataclass(frozen=True)
class Options:
    """Export weights to a file that takes images of unsigned bytes of any size and gives labels.

    Scaling, padding, upsampling and argmax are in the file; class names, colours and the sha256 of the weights are in
    its metadata. The file is compared with the weights on images of several sizes before it gets its name: the table is
    printed, and saved as FILE.proof.json and FILE.proof.md. Below the gate nothing is written.

    With --format web the model comes in a folder with a page, which computes pictures in a browser. Files for phones
    (.tflite, .pte, .mlpackage) take images of one --size and compute in float32.

    Example: atrous export runs/street/best.safetensors --out street.onnx
    Example: atrous export runs/street/best.safetensors --format web --out page
    """

    weights: tyro.conf.Positional[str]
    """An archive, a run folder, a file of another project, hf://user/name, or a name that `atrous weights` lists."""
    out: Path
    """File to write, .onnx, .xml (OpenVINO, with a .bin beside it), .pt2 (torch, compiled for this kind of processor by
    a C++ compiler), .tflite (LiteRT), .pte (ExecuTorch) or .mlpackage (Core ML); of --format web the folder."""
    format: Literal[ExportFormat, PhoneFormat, "web"] | None = None
    """Format to write; None is the one that the suffix of --out stands for. web: a page for any static web server."""
    size: Annotated[tuple[int, int] | None, tyro.conf.arg(metavar="HEIGHT WIDTH")] = None
    """For phones: height and width of the images; None is 513x513."""
    runtime: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """For web: the npm package onnxruntime-web, unpacked. None fetches it by npm, once."""
    output: Output = "labels"
    """Map to compute: class ids as unsigned bytes, or a number for every class and pixel."""
    layout: Layout = "nhwc"
    """Order of the images' axes: nhwc as decoders give them, or nchw."""
    precision: ExportPrecision = "float32"
    """Number type of the weights and, in ONNX files, of the convolutions."""
    calibration: Path | None = None
    """For int8: folder that holds pictures like those of the use, 100 or more. Three of four calibrate, the others are
    compared and decide alone."""
    max_calibration: int = 300
    """Largest number of pictures that are taken from the folder, evenly spread."""
    data: Path | None = None
    """Labelled data set to evaluate weights and file on; a file that loses more than 0.5 points of mean IoU is not
    written."""
    split: str = "val"
    """Split of the data."""
    schema: Path | None = None
    """schema.toml, where it is not in the data folder."""
    opset: int = DEFAULT_OPSET
    """Version of ONNX's operators."""
    gate: Annotated[float | None, tyro.conf.arg(metavar="SHARE")] = None
    """Least share of equal pixels. None: 0.995 for float16, 0.985 for int8; in float32 labels must be equal wherever
    the two largest logits differ by more than 1e-4 of the logits' deviation."""
    triton: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Model repository of NVIDIA Triton into which an ONNX file is copied, with its config.pbtxt."""
    tensorrt: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Folder of pictures whose smallest, most frequent and largest size become the profile of TensorRT: an ONNX file
    gets FILE.trtexec.sh beside it."""
    output_stride: Annotated[int | None, tyro.conf.arg(metavar="STRIDE")] = None
    """4, 8, 16 or 32; smaller is finer and slower, None is the weights' own."""
    weight_settings: WeightSettings = field(default_factory=WeightSettings)


def main(arguments: Sequence[str]) -> int:
    """Export and print the comparison; returns the exit status."""
    # Elsewhere --output is another word for --out.
    options = parse(Options, arguments, verb="export", aliases={"--output": "--output"})
    _check_format(options)
    if options.triton is not None:
        check_triton(options.out)
    if is_exported(options.weights) and proof_path(Path(options.weights)).is_file():
        raise InputError(
            f"{options.weights} is an exported file already; export the weights that it was made of once more"
        )
    if phone_format(options.out) is not None:
        return _export_phone(options)
    sizes = list[Size]()
    if options.tensorrt is not None:
        check_tensorrt(options.out)
        sizes = [upright_size(path) for path in image_files([options.tensorrt])]
    archive = _weights(options)
    data = None if options.data is None else open_data(options.data, split=options.split, schema=options.schema)
    if options.format == "web":
        check_web(archive, options.out)
    pictures = _calibration(options, archive)
    try:
        with progress_callback("comparing") as on_progress:
            proof = _export(options, archive, pictures=pictures, data=data, on_progress=on_progress)
    except ProofError as error:
        print(error.proof.table().to_text())
        raise
    _print_proof(proof)
    if proof.shift is not None:
        print(f"pictures {proof.shift}")
    if proof.scores is not None:
        print(f"data     {proof.scores}")
    print(f"{'folder' if options.format == 'web' else 'file':8} {options.out}")
    if options.triton is not None:
        folder = write_triton(options.out, options.triton, description=read_description(options.out))
        print(f"triton   {folder}")
    if options.tensorrt is not None:
        print(f"tensorrt {write_tensorrt(options.out, sizes, description=read_description(options.out))}")
    return 0


def _check_format(options: Options) -> None:
    """Raise InputError where the options and the format do not fit each other."""
    if options.format != "web":
        if options.runtime is not None:
            raise InputError("--runtime is for --format web; leave it out")
        for_phones = phone_format(options.out)
        by_suffix = for_phones or output_format(options.out)
        if for_phones is not None:
            _check_phone(options, for_phones)
        elif options.size is not None:
            raise InputError(f"--size is for phones ({', '.join(PHONE_SUFFIXES)}); {options.out} takes all sizes")
        if options.format not in (None, by_suffix):
            suffixes = {**SUFFIXES, **PHONE_SUFFIXES}
            suffix = next(suffix for suffix, form in suffixes.items() if form == options.format)
            raise InputError(
                f"--out {options.out} is no file of --format {options.format}; give one that ends in {suffix}"
            )
        return
    if options.triton is not None:
        raise InputError("--triton takes ONNX files; leave it or --format web out")
    if options.tensorrt is not None:
        raise InputError("--tensorrt is for ONNX files; leave it or --format web out")
    if options.output != "labels" or options.layout != "nhwc":
        raise InputError("--format web computes labels of images in the layout nhwc; leave --output and --layout out")
    if options.precision == "float16":
        raise InputError("--format web computes in float32 or int8; leave --precision float16 out")


def _check_phone(options: Options, form: PhoneFormat) -> None:
    """Raise InputError for options that files for phones have not."""
    if form == "coreml" and options.gate is not None:
        raise InputError(
            f"--gate: {options.out} cannot be compared here, Core ML computes on macOS and iOS; leave it out"
        )
    unused = {
        "--precision": options.precision != "float32",
        "--calibration": options.calibration is not None,
        "--data": options.data is not None,
        "--opset": options.opset != DEFAULT_OPSET,
        "--triton": options.triton is not None,
        "--tensorrt": options.tensorrt is not None,
    }
    named = [name for name, given in unused.items() if given]
    if named:
        raise InputError(f"{options.out} computes in float32 at one size; leave {' and '.join(named)} out")


def _export_phone(options: Options) -> int:
    """Export for phones and print the comparison, or that there is none; returns the exit status."""
    archive = _weights(options)
    settings = {"size": options.size or DEFAULT_SIZE, "output": options.output, "layout": options.layout}
    try:
        with progress_callback("comparing") as on_progress:
            proof = export_phone(archive, options.out, **settings, gate=options.gate, on_progress=on_progress)
    except ProofError as error:
        print(error.proof.table().to_text())
        raise
    if proof is None:
        print("result   converted, not compared with the weights: Core ML computes on macOS and iOS alone")
    else:
        _print_proof(proof)
    print(f"file     {options.out}")
    return 0


def _weights(options: Options) -> Archive:
    archive = load_weights(options.weights, options.weight_settings)
    if options.output_stride is None:
        return archive
    return replace(archive, model=archive.model.replanned(output_stride=options.output_stride))


def _print_proof(proof: Proof) -> None:
    print(proof.table().to_text())
    print(f"gate     {proof.gate}")
    print(f"result   {proof.summary()}")


def _export(
    options: Options, archive: Archive, *, pictures: Pictures, data: DataSet | None, on_progress: OnProgress | None
) -> Proof:
    settings = {
        "precision": options.precision,
        "opset": options.opset,
        "gate": options.gate,
        "calibration": pictures,
        "data": data,
        "on_progress": on_progress,
    }
    if options.format == "web":
        return export_web(archive, options.out, name=_name(options.weights), runtime=options.runtime, **settings)
    return export(archive, options.out, output=options.output, layout=options.layout, **settings)


def _name(weights: str) -> str:
    """Return the name of a model: that of its file, or of the run whose checkpoint it is."""
    path = Path(weights)
    return path.parent.name if path.stem in ("best", "last") and path.parent.name else path.stem


def _calibration(options: Options, archive: Archive) -> list[np.ndarray]:
    """Read the pictures to calibrate on."""
    if options.calibration is None:
        return []
    if options.max_calibration < 1:
        raise InputError(f"--max-calibration {options.max_calibration} leaves no picture; give 100 or more")
    paths = image_files([options.calibration])
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), options.max_calibration), dtype=int)
    predictor = Predictor(archive)
    return [predictor.image_array(paths[number]) for number in chosen]
