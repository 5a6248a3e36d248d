"""Image to labels, against what one would use otherwise: same machine, sizes and, where they can be had, weights.

    python benchmarks/peers.py [NAME ...] [--size 513] [--rounds 5] [--threads 1] [--shared ../shared]

NAME: some of `mobilenet_v2 resnet50 resnet101 xception65` for latency at output strides 16 and 8, `tflite`, `file`,
`training`, `evaluation`, `growth`; all without any. Prints markdown. Contenders take turns; figures are medians. With
one thread the clock is processor time, else wall time. The first call of each, with all it has to prepare, is printed
apart.

* `eager`, `eager last`: the peer in torch, NCHW and channels-last, then `interpolate` and `argmax`. torchvision's
  DeepLabv3 for ResNet (our model has its weights), Hugging Face's for MobileNetV2 (weights of its own: speed does not
  depend on them); Xception has no such peer: it is our model as it trains.
* `ORT`, `OpenVINO`: the peer's own export of the same, labels included, in ONNX Runtime and OpenVINO.
* `ours`: `atrous.Predictor`, torch alone. `best`: the quickest of it and of our coarse logits, exported, in either
  runtime, with our label map.

A peer that is not installed is named and left out; `pip install 'atrous[bench]'`, and torchvision without its
dependencies, whose shim lies in the test data.
"""

import argparse
import io
import os
import runpy
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from timing import in_turns, peak_growth
from torch import nn

import atrous
from atrous.data.formats.images import read_image
from atrous.importers.projects.torchvision_keys import from_torchvision
from atrous.inference.predictor import Predictor
from atrous.model.presets import preset
from atrous.ops import upsample_argmax, upsample_cross_entropy

CLASSES = 21
STRIDES = (16, 8)
PRESETS = {
    "mobilenet_v2": "deeplabv3_mobilenet_v2",
    "resnet50": "deeplabv3_resnet50",
    "resnet101": "deeplabv3_resnet101",
    "xception65": "deeplabv3_xception65",
}
VOC = "weights/deeplabv3_mnv2_dm05_voc_257_float.tflite"
CAMVID = Path(__file__).parents[1] / "models" / "deeplabv3plus_mobilenet_v2_camvid.safetensors"

Calls = dict[str, Callable]


class Labels(nn.Module):
    """A peer from normalised image to labels, as its users write it."""

    def __init__(self, peer: nn.Module) -> None:
        super().__init__()
        self.peer = peer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.peer(x)
        logits = out["out"] if "out" in out else out["logits"]
        return F.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False).argmax(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    others = {"tflite": tflite, "file": file_to_file, "training": training, "evaluation": evaluation, "growth": growth}
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*PRESETS, *others], default=[*PRESETS, *others])
    parser.add_argument("--size", type=int, default=513)
    parser.add_argument("--strides", type=int, nargs="+", default=STRIDES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if problem := shimmed_torchvision(options.shared):
        print(problem)
    options.clock = time.process_time if options.threads == 1 else time.perf_counter
    print(f"torch {torch.__version__}, {options.threads} thread(s), load {os.getloadavg()[0]:.1f}")
    for name in options.names:
        print(f"\n{name}\n")
        if name in PRESETS:
            for stride in options.strides:
                latency(name, stride, options)
        else:
            others[name](options)
    print(f"\nload {os.getloadavg()[0]:.1f}")


def latency(name: str, stride: int, options: argparse.Namespace) -> None:
    """Rows of a network at an output stride."""
    model, peer = networks(name, stride)
    image = np.random.default_rng(0).integers(0, 256, (options.size, options.size, 3), dtype=np.uint8)
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    x = model.preprocess(batch, output_stride=stride)
    calls: Calls = {}
    with torch.no_grad():
        nchw = x.contiguous()
        if peer is not None:
            last = x.contiguous(memory_format=torch.channels_last)
            calls["eager"] = inferring(peer, nchw)
            calls["eager last"] = inferring(peer, last)
            calls |= engines(peer, nchw, names=("ORT", "OpenVINO"), threads=options.threads)
        predictor = Predictor(model)
        calls["ours"] = lambda: predictor(image)
        coarse = engines(model, batch, names=("ours in ORT", "ours in OpenVINO"), threads=options.threads)
        placement = model.placement((options.size, options.size))
        for engine, call in coarse.items():
            calls[engine] = lambda call=call: upsample_argmax(torch.from_numpy(call()), placement)
        compare(f"{name}, stride {stride}, {options.size}", calls, options)


def networks(name: str, stride: int) -> tuple[nn.Module, nn.Module | None]:
    """Ours and the peer's, in eval mode."""
    config = replace(preset(PRESETS[name]), classes=CLASSES, output_stride=stride)
    if not name.startswith("resnet"):
        model = atrous.build(config).eval()
        return model, hugging_face(stride) if name == "mobilenet_v2" else Labels(Whole(model)).eval()
    config = replace(config, head=replace(config.head, projection=((1, 256, False), (3, 256, False))))
    model, peer = atrous.build(config).eval(), None
    try:
        from torchvision.models import resnet
        from torchvision.models.segmentation.deeplabv3 import DeepLabHead, DeepLabV3, IntermediateLayerGetter
    except ImportError as problem:
        print(f"torchvision is left out: {problem}")
        return model, None
    dilated = [False, stride == 8, True]
    body = getattr(resnet, name)(weights=None, replace_stride_with_dilation=dilated)
    body = IntermediateLayerGetter(body, return_layers={"layer4": "out"})
    peer = DeepLabV3(body, DeepLabHead(2048, CLASSES, tuple(rate * 16 // stride for rate in (6, 12, 18)))).eval()
    weights, _ = from_torchvision(peer.state_dict(), depth=int(name.removeprefix("resnet")))
    model.load_state_dict(weights, strict=False)
    return model, Labels(peer).eval()


def shimmed_torchvision(shared: Path) -> str:
    """Import it before anybody else tries to; returns why it cannot be, or nothing."""
    try:
        runpy.run_path(str(shared / "tools" / "torchvision_shim.py"))
    except (FileNotFoundError, ImportError, AttributeError) as problem:
        return f"torchvision is left out: {problem}"
    return ""


class Whole(nn.Module):
    """Our model as it trains, on a normalised image."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": self.model.classifier(self.model.aspp(self.model.backbone(x).high))}


def hugging_face(stride: int) -> nn.Module | None:
    try:
        from transformers import MobileNetV2Config, MobileNetV2ForSemanticSegmentation
    except ImportError as problem:
        print(f"Hugging Face is left out: {problem}")
        return None
    config = MobileNetV2Config(output_stride=stride, num_labels=CLASSES, tf_padding=True)
    return Labels(MobileNetV2ForSemanticSegmentation(config)).eval()


def inferring(module: nn.Module, *inputs: torch.Tensor) -> Callable:
    def call() -> torch.Tensor:
        with torch.inference_mode():
            return module(*inputs)

    return call


def engines(module: nn.Module, x: torch.Tensor, *, names: tuple[str, str], threads: int) -> Calls:
    """A module's export in ONNX Runtime and OpenVINO, where they are installed and take it."""
    calls: Calls = {}
    try:
        file = io.BytesIO()
        torch.onnx.export(module, (x,), file, dynamo=True, verbose=False)
    except Exception as problem:
        print(f"no export: {str(problem).strip().splitlines()[0]:.150}")
        return calls
    array = x.numpy()
    for name, build in zip(names, (ort, openvino), strict=True):
        try:
            calls[name] = build(file.getvalue(), array, threads=threads)
        except Exception as problem:
            print(f"{name} is left out: {str(problem).strip().splitlines()[0]:.150}")
    return calls


def ort(model: bytes, array: np.ndarray, *, threads: int) -> Callable:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: array}
    return lambda: session.run(None, feed)[0]


def openvino(model: bytes, array: np.ndarray, *, threads: int) -> Callable:
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    core = openvino.Core()
    backend_for = core.compile_model(core.read_model(model), "CPU", settings)
    return lambda: backend_for([array])[0]


def compare(title: str, calls: Calls, options: argparse.Namespace) -> None:
    """Two lines of a table: milliseconds, and how many times those of ours."""
    first = {}
    for name, call in calls.items():
        begin = options.clock()
        call()
        first[name] = options.clock() - begin
    seconds = in_turns(calls, rounds=options.rounds, clock=options.clock)
    mine = [name for name in seconds if name.startswith("ours")]
    best = min(mine, key=seconds.__getitem__)
    print(f"| {title} | {' | '.join(calls)} | best: {best} |")
    print(f"|---|{'---|' * (len(calls) + 1)}")
    print(f"| ms | {' | '.join(f'{1000 * s:.0f}' for s in seconds.values())} | {1000 * seconds[best]:.0f} |")
    print(f"| x ours | {' | '.join(f'{s / seconds[mine[0]]:.2f}' for s in seconds.values())} | |")
    print(f"| x best | {' | '.join(f'{s / seconds[best]:.2f}' for s in seconds.values())} | |")
    print(f"| first call, ms | {' | '.join(f'{1000 * s:.0f}' for s in first.values())} | |\n", flush=True)


def tflite(options: argparse.Namespace) -> None:
    """The official file in LiteRT and in ours, on its photo."""
    path = options.shared / VOC
    try:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(path), num_threads=options.threads)
    except (ImportError, ValueError) as problem:
        print(f"LiteRT is left out: {problem}")
        return
    interpreter.allocate_tensors()
    image = read_image(options.shared / "images" / "segmentation_input_rotation0.jpg")
    entry, exit_ = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def peer() -> np.ndarray:
        interpreter.set_tensor(entry, (image[None] / 127.5 - 1).astype(np.float32))
        interpreter.invoke()
        return interpreter.get_tensor(exit_)[0].argmax(-1)

    predictor = Predictor(atrous.load(path))
    compare("official TFLite, 257", {"LiteRT": peer, "ours": lambda: predictor(image)}, options)
    print(f"same labels: {(peer() == predictor(image).labels).mean():.5f}")


def file_to_file(options: argparse.Namespace) -> None:
    """A picture file to a label PNG."""
    import tempfile

    from PIL import Image

    peer, source = hugging_face(16), options.shared / "images" / "bird_segmentation.bmp"
    predictor = Predictor(atrous.deeplabv3_mobilenet_v2(classes=CLASSES))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.png"

        def usual() -> None:
            array = np.array(Image.open(source).convert("RGB"), np.float32) / 127.5 - 1
            labels = inferring(peer, torch.from_numpy(array).permute(2, 0, 1)[None])()
            Image.fromarray(labels[0].to(torch.uint8).numpy()).save(path)

        compare("picture to label PNG", {"eager": usual, "ours": lambda: predictor(source).save(path)}, options)


def training(options: argparse.Namespace) -> None:
    """A step without its optimizer: forward, loss, backward of four crops of 257, stride 16."""
    peer = hugging_face(16).peer.train()
    model = atrous.deeplabv3_mobilenet_v2(classes=CLASSES).train()
    images = torch.randint(0, 256, (4, 3, 257, 257), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (4, 257, 257), dtype=torch.uint8)
    last = images.contiguous(memory_format=torch.channels_last)

    def usual() -> None:
        logits = F.interpolate(peer(images / 127.5 - 1).logits, labels.shape[-2:], mode="bilinear")
        F.cross_entropy(logits, labels.long(), ignore_index=255).backward()

    def ours() -> None:
        upsample_cross_entropy(model(last), labels, model.placement((257, 257))).backward()

    compare("training step", {"eager": usual, "ours": ours}, options)
    print(f"peak growth: eager {peak_growth(usual) >> 20} MiB, ours {peak_growth(ours) >> 20} MiB")


def evaluation(options: argparse.Namespace) -> None:
    """Ten frames of CamVid's validation split, to a confusion matrix."""
    frames = sorted((options.shared / "data/camvid/val").glob("*.png"))[:10]
    model = atrous.load(CAMVID).model.float().eval()
    truth = [read_label(options.shared / "data/camvid/valannot" / frame.name) for frame in frames]
    predictor, classes = Predictor(model), model.config.classes

    def confusion(labels: np.ndarray, expected: np.ndarray) -> np.ndarray:
        known = expected < classes
        return np.bincount(classes * expected[known].astype(int) + labels[known], minlength=classes**2)

    def usual() -> np.ndarray:
        with torch.inference_mode():
            images = (torch.from_numpy(read_image(frame)).permute(2, 0, 1)[None].contiguous() for frame in frames)
            answers = [model.logits(image).argmax(1)[0].numpy() for image in images]
        return sum(map(confusion, answers, truth))

    def ours() -> np.ndarray:
        return sum(confusion(predictor(frame).labels, expected) for frame, expected in zip(frames, truth, strict=True))

    compare("CamVid val, ten frames", {"our model, eager": usual, "ours": ours}, options)
    print(f"counts that differ: {np.abs(usual() - ours()).sum() // 2} of {usual().sum()}")


def read_label(path: Path) -> np.ndarray:
    from PIL import Image

    return np.array(Image.open(path))


def growth(options: argparse.Namespace) -> None:
    """Time and memory against image area and class count: an exponent fitted in logarithms, and the points."""
    sizes, counts = (257, 513, 1025), (21, 150, 500)
    rows = {
        "image area": [(size**2, size, CLASSES) for size in sizes],
        "classes": [(count, 513, count) for count in counts],
    }
    for what, cases in rows.items():
        points = []
        for amount, size, classes in cases:
            predictor = Predictor(atrous.deeplabv3_mobilenet_v2(classes=classes))
            image = np.zeros((size, size, 3), np.uint8)
            image[:] = np.arange(size)[:, None, None] % 256
            call = partial(predictor, image)
            seconds = in_turns({"ours": call}, rounds=options.rounds, clock=options.clock)["ours"]
            points.append((amount, seconds, max(peak_growth(call), 1)))
        amounts, seconds, held = (np.log(np.array(values, float)) for values in zip(*points, strict=True))
        time_exponent, memory_exponent = (np.polyfit(amounts, values, 1)[0] for values in (seconds, held))
        print(
            f"{what}: time ~ x^{time_exponent:.2f}, memory ~ x^{memory_exponent:.2f}; "
            + "; ".join(f"{a}: {1000 * s:.0f} ms, {m >> 20} MiB" for a, s, m in points),
            flush=True,
        )


if __name__ == "__main__":
    main()
