"""Files that are not read, recognised by their first bytes and named with the way round."""

import re
from pathlib import Path

from atrous.importers.file_head import FileHead

_CONVERT = "give the PyTorch or TensorFlow checkpoint that it was made from"
_UNPACK = "unpack it first"
_PACK = "pack its folder again, without compression: zip -0 -r FILE.pth FOLDER, in the folder above it"
_DOWNLOAD = "download the file itself"

_BY_START: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file that it stands for", "git lfs pull fetches the file"),
    (b"\x08\x01\x12", "a SavedModel of TensorFlow", "give its frozen graph or the checkpoint of the training"),
    (b"ftrt", "a TensorRT engine, compiled for one GPU", _CONVERT),
    (b"ptrt", "a TensorRT engine, compiled for one GPU", _CONVERT),
    (b"7767517", "a network of ncnn (.param), whose weights lie in a .bin beside it", _CONVERT),
    (b"RKNN", "a network compiled for a Rockchip accelerator", _CONVERT),
    (b"GGUF", "a GGUF file of a language model", "give weights of DeepLab"),
    (b"MATLAB ", "a MATLAB file", _CONVERT),
    (b"\xfd7zXZ\x00", "compressed by xz", f"{_UNPACK}: xz -dk FILE"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard", f"{_UNPACK}: zstd -d FILE"),
    (b"BZh", "compressed by bzip2", f"{_UNPACK}: bzip2 -dk FILE"),
    (b"\x1f\x8b", "compressed by gzip, but no archive of a TensorFlow model", f"{_UNPACK}: gzip -dk FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\xff\xd8\xff", "a JPEG picture, not weights", "give a file of weights first, then pictures"),
    (b"\x89PNG", "a PNG picture, not weights", "give a file of weights first, then pictures"),
    (b"%PDF", "a PDF document, not weights", _DOWNLOAD),
)
"""First bytes, what the file is, and what to do."""

_BY_TEXT: tuple[tuple[bytes, str, str], ...] = (
    (rb"<net\s[^>]*version=", "a network of OpenVINO (IR), whose weights lie in a .bin beside it", _CONVERT),
    (rb"^(\xef\xbb\xbf)?\s*<", "a web page, not weights", _DOWNLOAD),
    (rb'"(modelTopology|weightsManifest)"', "a model of TensorFlow.js, whose weights lie in .bin files", _CONVERT),
    (rb'"(nodes|arg_nodes)"\s*:', "a network of MXNet, whose weights lie in a .params file", _CONVERT),
    (rb"^\s*(layer|input|name)\s*[:{]", "a network of Caffe, whose weights lie in a .caffemodel", _CONVERT),
    (rb"^\s*\{", "JSON, not weights", "give the file of weights that it belongs to"),
)
"""Patterns within the beginning of a text file, what the file is, and what to do."""

_BY_NAME: tuple[tuple[str, str, str], ...] = (
    (".engine", "an engine of TensorRT, compiled for one GPU", _CONVERT),
    (".plan", "an engine of TensorRT, compiled for one GPU", _CONVERT),
    (".trt", "an engine of TensorRT, compiled for one GPU", _CONVERT),
    (".om", "a network compiled for an Ascend accelerator", _CONVERT),
    (".weights", "weights of Darknet, which has no DeepLab", "give weights of DeepLab"),
    (".npy", "one array of NumPy", "save all tensors by their names with numpy.savez (.npz)"),
    ("saved_model.pb", "a SavedModel of TensorFlow", "give its frozen graph or the checkpoint of the training"),
    (".meta", "the graph of a TensorFlow checkpoint, without weights", "give the .index file beside it"),
    (".data-00000-of-00001", "a TensorFlow checkpoint without its .index", "put that file beside it"),
    (".caffemodel", "weights of Caffe", _CONVERT),
    (".pdmodel", "a program of Paddle without weights", "give the .pdparams file of the training"),
    (".pdiparams", "weights of a Paddle program without their names", "give the .pdparams file of the training"),
    (".params", "weights of MXNet", _CONVERT),
    (".onnx", "a damaged ONNX model", _CONVERT),
    (".hef", "a network compiled for a Hailo accelerator", _CONVERT),
    (".mnn", "a network of MNN", _CONVERT),
    (".msgpack", "weights of Flax", _CONVERT),
    (".bin", "a .bin file without names of tensors, as OpenVINO, ncnn and TensorFlow.js write it", _CONVERT),
)
"""Endings of files whose bytes have no mark."""

_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors", ".bin", ".pkl", ".npz", ".tar", ".tflite", ".onnx", ".pb", ".h5")
"""Endings of files of weights that a folder may hold under names of their own."""

_SHOWN = 3

_TAR_MARK = slice(257, 262)
"""Place of the word ustar in a tar archive."""

_FOLDERS: tuple[tuple[str, str, str], ...] = (
    ("saved_model.pb", "a SavedModel of TensorFlow", "give its frozen graph or the checkpoint of the training"),
    ("model.json", "a model of TensorFlow.js", _CONVERT),
    (".metadata", "a sharded checkpoint of torch.distributed.checkpoint (FSDP)",
     "join it first: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE"),
    ("*/.metadata", "a folder with a sharded checkpoint of torch.distributed.checkpoint (FSDP)",
     "join the inner folder first: python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE"),
    ("data.pkl", "a checkpoint of PyTorch that was unpacked", _PACK),
    ("*/data.pkl", "a folder with a checkpoint of PyTorch that was unpacked", _PACK),
    ("*_model_states.pt", "a step of DeepSpeed",
     "give its mp_rank_00_model_states.pt, or join ZeRO-3 by the zero_to_fp32.py above it"),
    ("latest", "a folder of DeepSpeed", "give its mp_rank_00_model_states.pt, or join ZeRO-3 by its zero_to_fp32.py"),
    ("*.xml", "networks of OpenVINO (IR)", _CONVERT),
    ("*.param", "networks of ncnn", _CONVERT),
)  # fmt: skip
"""A file, or a pattern for one, in a folder; what the folder is, and what to do."""

_EXPECTED = "give an archive of atrous, or a file that docs/weights.md lists"


def unreadable(head: FileHead) -> str:
    """Say in one line what a file is that no reader recognises, and what to do."""
    if head.is_folder:
        for pattern, kind, remedy in _FOLDERS:
            if next(head.path.glob(pattern), None) is not None:
                return f"{kind}; {remedy}"
        if found := _weights_of(head.path):
            return f"a folder with {found}; give one of its files"
        return f"a folder without a checkpoint, frozen graph, model.safetensors or pytorch_model.bin; {_EXPECTED}"
    if not head.size:
        return f"an empty file; {_DOWNLOAD} again"
    for start, kind, remedy in _BY_START:
        if head.start.startswith(start):
            return f"{kind}; {remedy}"
    if head.start[_TAR_MARK] == b"ustar":
        return f"a tar archive; {_UNPACK}: tar -xf FILE"
    if b"\0" not in head.start:
        for pattern, kind, remedy in _BY_TEXT:
            if re.search(pattern, head.start):
                return f"{kind}; {remedy}"
    if text := _text(head.start):
        return f"text, not weights ({text!r:.60}); {_DOWNLOAD}, or give the weights that it belongs to"
    for ending, kind, remedy in _BY_NAME:
        if head.path.name.lower().endswith(ending):
            return f"{kind}; {remedy}"
    return f"damaged or no file of weights that is known here; {_EXPECTED}"


def _text(start: bytes) -> str:
    """The words that a file begins with, where it is text of any language; empty where it is none."""
    try:
        text = start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.end < len(start):  # else a letter was cut by the end of the beginning
            return ""
        text = start[: error.start].decode("utf-8-sig")
    words = " ".join(text.split())
    return words if words.isprintable() else ""


def _weights_of(folder: Path) -> str:
    """Names of up to three files of weights in a folder; empty where it has none."""
    files = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return ", ".join(f"{name:.60}" for name in files[:_SHOWN]) + more
