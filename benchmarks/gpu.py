"""Everything that is worth knowing on a machine with a GPU, in one call: tests, then tables in Markdown and JSON.

    python benchmarks/gpu.py [--out gpu-results] [--budget 540] [--smoke]

Runs `pytest -m gpu`, and then measures label map, loss, prediction, a folder of JPEGs and training. Each row is printed
when it is measured, and the files `gpu.md` and `gpu.json` are written anew, so that a machine that is taken away leaves
what was measured. A case that fails is a row that says so; cases that the budget of seconds does not reach are named.

torchvision's DeepLabv3, as it is and compiled with static shapes, is measured beside ours where it can be imported.
Nothing is downloaded: weights and pictures are random. Milliseconds are medians; with `--smoke` all runs on the CPU in
tiny sizes, which shows that the script works and measures nothing.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import atrous
from atrous.ops import Placement, upsample_argmax, upsample_cross_entropy

ROOT = Path(__file__).resolve().parents[1]
Row = dict[str, Any]


@dataclass
class Session:
    """Device, sizes and results of a call."""

    device: torch.device
    smoke: bool
    out: Path
    deadline: float
    tables: dict[str, list[Row]] = field(default_factory=dict)

    def size(self, length: int) -> int:
        """A length in pixels, small in a smoke run."""
        return min(length, 33) if self.smoke else length

    def batch(self, number: int) -> int:
        """A number of images, small in a smoke run."""
        return min(number, 2) if self.smoke else number

    def add(self, table: str, case: str, measure: Callable[[], Row]) -> None:
        """Measure a row, or note why there is none, and write all files."""
        row: Row = {"case": case}
        if time.monotonic() > self.deadline:
            row["note"] = "not measured: the budget was spent"
        else:
            try:
                row |= measure()
            except Exception as problem:  # the next rows are worth having
                row["note"] = f"failed: {type(problem).__name__}: {str(problem)[:200]}".replace("\n", " ").replace(
                    "|", "/"
                )
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.tables.setdefault(table, []).append(row)
        self.write()
        print(f"{table}: " + ", ".join(f"{key} {text(value)}" for key, value in row.items()), flush=True)

    def write(self) -> None:
        """Write `gpu.json` and `gpu.md`."""
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "gpu.json").write_text(json.dumps(self.tables, indent=1) + "\n")
        (self.out / "gpu.md").write_text("\n".join(markdown(name, rows) for name, rows in self.tables.items()))

    def milliseconds(self, call: Callable[[], object], *, rounds: int = 20) -> float:
        """Median wall time of a call, all its work on the device included."""
        rounds = 2 if self.smoke else rounds
        for _ in range(1 if self.smoke else 4):
            call()
        times = []
        for _ in range(rounds):
            self.wait()
            begin = time.perf_counter()
            call()
            self.wait()
            times.append(1000 * (time.perf_counter() - begin))
        return median(times)

    def wait(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def peak_mebibytes(self, call: Callable[[], object]) -> float:
        """Memory by which a call grows what torch has allocated; 0 on a CPU."""
        if self.device.type != "cuda":
            return 0.0
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        self.wait()
        return (torch.cuda.max_memory_allocated() - before) / 2**20


def text(value: object) -> str:
    """A number in four digits, anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def markdown(name: str, rows: list[Row]) -> str:
    """A table whose columns are the keys of all rows."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = [f"## {name}", "", "| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    lines += ["| " + " | ".join(text(row.get(key, "")) for key in keys) + " |" for row in rows]
    return "\n".join([*lines, ""])


def main() -> None:
    """Run all sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "gpu-results")))
    parser.add_argument("--budget", type=float, default=540.0, help="seconds after which no further case is begun")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes on the CPU: only whether the script works")
    options = parser.parse_args()
    if not options.smoke and not torch.cuda.is_available():
        sys.exit("no CUDA device; --smoke checks the script without one")
    device = torch.device("cpu" if options.smoke else "cuda")
    session = Session(device, options.smoke, options.out, time.monotonic() + options.budget)
    name = platform.processor() or "CPU" if options.smoke else torch.cuda.get_device_name()
    versions = {"torch": torch.__version__, "python": platform.python_version(), "processors": os.cpu_count()}
    session.add("Machine", name, lambda: versions)
    session.add("Tests", "pytest -m gpu", lambda: gpu_tests(session))
    label_maps(session)
    losses(session)
    predictions(session)
    session.add("Folder", "JPEGs to label map and overlay, ResNet-50 at 16", lambda: folder(session))
    trainings(session)
    print(f"\n{session.out / 'gpu.md'}\n{session.out / 'gpu.json'}")


def gpu_tests(session: Session) -> Row:
    """Outcome of the tests that need a GPU; a smoke run only collects them."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "--tb=short", str(ROOT / "tests")]
    if session.smoke:
        command.append("--collect-only")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    (session.out / "gpu_tests.txt").write_text(done.stdout + done.stderr)
    last = next(iter(reversed(done.stdout.strip().splitlines())), "")
    return {"status": done.returncode, "last line": last.replace("|", "/")}


def label_maps(session: Session) -> None:
    """Ours against `interpolate` and `argmax`, on noise and on smooth maps, in both memory layouts."""
    for batch, classes, coarse, size in (
        (1, 21, (129, 129), (513, 513)),
        (16, 21, (129, 129), (513, 513)),
        (16, 21, (33, 33), (513, 513)),
        (1, 150, (129, 129), (513, 513)),
        (16, 150, (129, 129), (513, 513)),
        (8, 19, (256, 512), (1024, 2048)),
    ):
        shape = session.batch(batch), classes, session.size(coarse[0]) // 2, session.size(coarse[1]) // 2
        full = (session.size(size[0]), session.size(size[1]))
        shape = shape if session.smoke else (batch, classes, *coarse)
        placement = Placement.whole(full, align_corners=True)
        for dtype in (torch.float32, torch.bfloat16):
            for content in ("noise", "smooth"):
                logits = maps(shape, content, device=session.device).to(dtype)
                case = f"{shape[0]}x{classes}x{shape[2]} to {full[0]}x{full[1]}, {str(dtype)[6:]}, {content}"
                session.add("Label map", case, lambda logits=logits, place=placement: label_map(session, logits, place))


def maps(shape: tuple[int, ...], content: str, *, device: torch.device) -> torch.Tensor:
    """Noise, or areas of one class as trained networks have them."""
    if content == "noise":
        return torch.randn(shape, device=device)
    rough = torch.randn(*shape[:2], 6, 6, device=device)
    return 6 * F.interpolate(rough, shape[2:], mode="bicubic", align_corners=True)


def label_map(session: Session, logits: torch.Tensor, placement: Placement) -> Row:
    """Milliseconds of one case."""
    last = logits.contiguous(memory_format=torch.channels_last)

    def eager(x: torch.Tensor) -> torch.Tensor:
        full = F.interpolate(x, placement.size, mode="bilinear", align_corners=placement.align_corners)
        return full.argmax(1)

    ours = {name: session.milliseconds(lambda x=x: upsample_argmax(x, placement)) for name, x in named(logits, last)}
    usual = {name: session.milliseconds(lambda x=x: eager(x)) for name, x in named(logits, last)}
    same = (upsample_argmax(logits, placement) == eager(logits.double())).float().mean().item()
    row = {f"ours {name} ms": value for name, value in ours.items()}
    row |= {f"eager {name} ms": value for name, value in usual.items()}
    return row | {"times": min(usual.values()) / max(ours.values()), "equal to float64": same}


def named(nchw: torch.Tensor, last: torch.Tensor) -> tuple[tuple[str, torch.Tensor], ...]:
    return ("NCHW", nchw), ("channels-last", last)


def losses(session: Session) -> None:
    """Ours against `interpolate` and `cross_entropy`, with gradients."""
    for classes in (21, 150):
        for dtype in (torch.float32, torch.bfloat16):
            case = f"{session.batch(16)}x{classes} to {session.size(513)}, {str(dtype)[6:]}"
            session.add("Loss", case, lambda classes=classes, dtype=dtype: loss(session, classes, dtype))


def loss(session: Session, classes: int, dtype: torch.dtype) -> Row:
    """Milliseconds and memory of loss and gradient."""
    batch, size = session.batch(16), session.size(513)
    logits = torch.randn(batch, classes, (size + 3) // 4, (size + 3) // 4, device=session.device, dtype=dtype)
    logits = logits.contiguous(memory_format=torch.channels_last).requires_grad_()
    target = torch.randint(0, classes, (batch, size, size), device=session.device, dtype=torch.uint8)
    placement = Placement.whole((size, size), align_corners=True)

    def ours() -> torch.Tensor:
        return torch.autograd.grad(upsample_cross_entropy(logits, target, placement), logits)[0]

    def eager() -> torch.Tensor:
        full = F.interpolate(logits, (size, size), mode="bilinear", align_corners=True)
        return torch.autograd.grad(F.cross_entropy(full, target.long(), ignore_index=255), logits)[0]

    mine, usual = session.milliseconds(ours), session.milliseconds(eager)
    row = {"ours ms": mine, "eager ms": usual, "times": usual / mine}
    held = session.peak_mebibytes(ours), session.peak_mebibytes(eager)
    return row | {"ours MiB": held[0], "eager MiB": held[1], "share": held[0] / held[1] if held[1] else 0.0}


def predictions(session: Session) -> None:
    """One picture and sixteen through `Predictor`, and torchvision's network where there is one."""
    size = session.size(513)
    for name, stride in (("deeplabv3_resnet50", 8), ("deeplabv3plus_mobilenet_v2", 16)):
        for number in (1, session.batch(16)):
            for precision in ("float32", "float16", "bfloat16"):
                case = f"{name} at {stride}, {number} of {size}x{size}, {precision}"
                session.add(
                    "Prediction", case, lambda n=name, s=stride, b=number, p=precision: prediction(session, n, s, b, p)
                )
    for compiled in (False, True):
        for number in (1, session.batch(16)):
            case = f"torchvision ResNet-50 at 8, {number}, bfloat16{', compiled' if compiled else ''}"
            session.add("Prediction", case, lambda b=number, c=compiled: peer_prediction(session, b, compiled=c))


def prediction(session: Session, name: str, stride: int, number: int, precision: str) -> Row:
    """Milliseconds of a call of `Predictor`, from arrays to arrays."""
    model = getattr(atrous, name)(classes=21, output_stride=stride)
    predictor = atrous.Predictor(model, device=session.device, precision=precision)
    pictures = [picture(session.size(513), seed) for seed in range(number)]
    argument = pictures[0] if number == 1 else pictures
    spent = session.milliseconds(lambda: predictor(argument), rounds=8)
    return {"ms": spent, "pictures/s": 1000 * number / spent}


def peer(session: Session, network: str) -> nn.Module:
    """Build torchvision's DeepLabv3; raises ImportError where torchvision is missing."""
    from torchvision.models import segmentation

    model = getattr(segmentation, network)(weights=None, weights_backbone=None, num_classes=21, aux_loss=False)
    return model.to(session.device, memory_format=torch.channels_last)


def peer_prediction(session: Session, number: int, *, compiled: bool) -> Row:
    """Milliseconds of torchvision's network under bfloat16 autocast, with interpolation and `argmax`."""
    model = peer(session, "deeplabv3_resnet50").eval()
    call = torch.compile(model, dynamic=False) if compiled else model
    size = session.size(513)
    images = torch.rand(number, 3, size, size, device=session.device).contiguous(memory_format=torch.channels_last)

    def labels() -> np.ndarray:
        with torch.inference_mode(), torch.autocast(session.device.type, torch.bfloat16):
            return call(images)["out"].argmax(1).cpu().numpy()

    spent = session.milliseconds(labels, rounds=8)
    return {"ms": spent, "pictures/s": 1000 * number / spent}


def picture(size: int, seed: int) -> np.ndarray:
    """Soft colours with a little noise, as JPEG likes it."""
    generator = np.random.default_rng(seed)
    blocks = Image.fromarray(generator.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    soft = np.asarray(blocks.resize((size, size), Image.Resampling.BICUBIC), np.int16)
    return (soft + generator.integers(-8, 9, (size, size, 1))).clip(0, 255).astype(np.uint8)


def folder(session: Session) -> Row:
    """Pictures per second of the command line, from its start to its end, and without its start."""
    counts = (2, 4) if session.smoke else (16, 256)
    with tempfile.TemporaryDirectory() as place:
        weights, seconds = Path(place) / "model.safetensors", []
        atrous.save(weights, atrous.deeplabv3_resnet50(classes=21))
        for count in counts:
            images = Path(place) / f"images{count}"
            images.mkdir()
            for number in range(count):
                Image.fromarray(picture(session.size(513), number % 16)).save(images / f"{number:04d}.jpg", quality=90)
            command = [sys.executable, "-m", "atrous", "predict", str(weights), str(images)]
            command += ["--out", f"{place}/out{count}", "--device", session.device.type]
            begin = time.perf_counter()
            subprocess.run(
                command,
                env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
                check=True,
                capture_output=True,
                timeout=240,
            )
            seconds.append(time.perf_counter() - begin)
    more = counts[1] - counts[0]
    return {
        "pictures": counts[1],
        "pictures/s": more / max(seconds[1] - seconds[0], 1e-9),
        "with start": counts[1] / seconds[1],
    }


def trainings(session: Session) -> None:
    """Steps of forward, loss, backward and SGD under bfloat16 autocast."""
    for name, batch, size in (
        ("deeplabv3_resnet101", 16, 513),
        ("deeplabv3_resnet50", 16, 513),
        ("deeplabv3plus_mobilenet_v2", 8, 321),
    ):
        number, length = session.batch(batch), session.size(size)
        case = f"{name} at 16, {number} of {length}x{length}"
        session.add("Training", case, lambda n=name, b=number, s=length: training(session, n, b, s))
    for network in ("deeplabv3_resnet101", "deeplabv3_resnet50"):
        number, length = session.batch(16), session.size(513)
        case = f"torchvision {network} at 8, {number} of {length}x{length}"
        session.add("Training", case, lambda n=network, b=number, s=length: peer_training(session, n, b, s))


def training(session: Session, name: str, batch: int, size: int) -> Row:
    """Milliseconds of a step of ours, and its memory."""
    model = getattr(atrous, name)(classes=21, output_stride=16)
    model = model.to(session.device).to(memory_format=torch.channels_last).train()
    placement = model.placement((size, size))
    images, target = examples(session, batch, size)
    return stepping(session, model, lambda: upsample_cross_entropy(model(images), target, placement), batch)


def peer_training(session: Session, name: str, batch: int, size: int) -> Row:
    """Milliseconds of a step of torchvision's network, which has output stride 8, and its memory."""
    model = peer(session, name).train()
    images, target = examples(session, batch, size)

    def loss() -> torch.Tensor:
        return F.cross_entropy(model(images / 255)["out"], target.long(), ignore_index=255)

    return stepping(session, model, loss, batch)


def examples(session: Session, batch: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.randint(0, 256, (batch, 3, size, size), device=session.device, dtype=torch.uint8)
    target = torch.randint(0, 21, (batch, size, size), device=session.device, dtype=torch.uint8)
    return images.contiguous(memory_format=torch.channels_last), target


def stepping(session: Session, model: nn.Module, loss: Callable[[], torch.Tensor], batch: int) -> Row:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(session.device.type, torch.bfloat16):
            value = loss()
        value.backward()
        optimizer.step()

    spent = session.milliseconds(step, rounds=10)
    return {"ms": spent, "images/s": 1000 * batch / spent, "MiB": session.peak_mebibytes(step)}


if __name__ == "__main__":
    main()
