"""Exports for phones, each converter in an environment of its own: LiteRT and ExecuTorch are computed and compared.

    python scripts/soak/phone_formats.py [FOLDER] [--formats litert executorch coreml] [--size 129 161]

Environments are made in FOLDER, by default a temporary one, and kept where they are; each is one to three gigabytes. Of
every family one preset with random weights is exported. The status is 1 if an export fails.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.norm import norms
from atrous.model.presets import preset
from atrous.weights.archive import save

ROOT = Path(__file__).parents[2]
SUFFIXES = {"litert": ".tflite", "executorch": ".pte", "coreml": ".mlpackage"}
PRESETS = (
    "deeplabv3_mobilenet_v2",
    "deeplabv3plus_mobilenet_v2",
    "deeplabv3plus_mobilenet_v3",
    "deeplabv3plus_efficientnet_lite0",
    "lraspp_mobilenet_v3_small",
    "deeplabv3plus_resnet50",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path(tempfile.mkdtemp()))
    parser.add_argument("--formats", nargs="+", choices=SUFFIXES, default=[*SUFFIXES])
    parser.add_argument("--presets", nargs="+", default=[*PRESETS])
    parser.add_argument("--size", type=int, nargs=2, default=(129, 161))
    options = parser.parse_args()
    failed = 0
    for form in options.formats:
        python = environment(options.folder / form, extra=form)
        for name in options.presets:
            weights = options.folder / f"{name}.safetensors"
            save_random(weights, name=name)
            out = options.folder / f"{name}{SUFFIXES[form]}"
            subprocess.run(["rm", "-rf", out], check=True)
            begin = time.perf_counter()
            said = export(python, weights, out, size=options.size)
            result = next((line for line in said.splitlines() if line.startswith("result")), said[-300:])
            failed += not out.exists()
            print(f"{form:10} {name:34} {time.perf_counter() - begin:4.0f} s  {result}", flush=True)
    return int(failed > 0)


def environment(folder: Path, *, extra: str) -> Path:
    """Return the interpreter of an environment with this package and an extra."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pinned = f"torch=={torch.__version__.partition('+')[0]}"
    if extra == "litert":  # first: what it depends on states another range of typing-extensions
        subprocess.run([*pip, pinned, "litert-torch"], check=True)
        subprocess.run([*pip, pinned, ROOT], check=True)
    else:
        subprocess.run([*pip, pinned, f"{ROOT}[{extra}]"], check=True)
    return python


def save_random(path: Path, *, name: str) -> None:
    """Save random weights whose batch norms have seen images, so that numbers neither vanish nor grow."""
    torch.manual_seed(0)
    model = build(preset(name))
    for norm in norms(model):
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.randint(0, 256, (2, 3, 129, 129), dtype=torch.uint8))
    save(path, model.eval(), labels=LabelSpace(tuple(f"class {k}" for k in range(model.config.classes))), provenance={})


def export(python: Path, weights: Path, out: Path, *, size: tuple[int, int]) -> str:
    """Run the command and return what it said."""
    command = [python, "-m", "atrous", "export", weights, "--out", out, "--size", *size]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""}
    )
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
