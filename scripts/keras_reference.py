"""Compare the reader of Keras' files with bonlime/keras-deeplab-v3-plus itself, both versions of its resizing.

    python scripts/keras_reference.py write CHECKOUT FOLDER     # with tensorflow-cpu 2.15, in an environment of its own
    python scripts/keras_reference.py compare FOLDER            # with atrous

`write` builds the port's networks with drawn weights, and stores their files and logits. Imports and one expression
that TensorFlow has moved since are replaced in a copy. `compare` prints the largest difference of logits in units of
their standard deviation, and the share of equal labels. Xception has another grid where sides are even (`Weights of
Keras` in docs/weights.md).
"""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

VERSIONS = {"corners": "c5167e5", "edges": "HEAD"}
NETWORKS = {
    "xception_16": {"backbone": "xception", "OS": 16, "classes": 5},
    "xception_8": {"backbone": "xception", "OS": 8, "classes": 5},
    "mobilenet_v2": {"backbone": "mobilenetv2", "classes": 7},
    "mobilenet_v2_half": {"backbone": "mobilenetv2", "classes": 7, "alpha": 0.5},
}
SIDES = (129, 128)


def ported(checkout: Path, folder: Path, version: str):
    """The port's module at one of its versions."""
    command = ["git", "-C", str(checkout), "show", f"{VERSIONS[version]}:model.py"]
    code = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    code = re.sub(r"tensorflow\.python\.keras(\.utils)?(\.layer_utils|\.data_utils)?", r"tensorflow.keras\1", code)
    code = code.replace("inputs.shape[-1].value", "int(inputs.shape[-1])")
    (folder / f"port_{version}.py").write_text(code)
    sys.path.insert(0, str(folder))
    return importlib.import_module(f"port_{version}")


def drawn(name: str, shape, random: np.random.Generator) -> np.ndarray:
    """Values of a weight by its name."""
    if "kernel" in name:
        inputs = shape[0] * shape[1] * (1 if "depthwise" in name else shape[2])
        return random.normal(0, np.sqrt(2 / inputs), shape)
    if "gamma" in name:
        return random.uniform(0.7, 1.3, shape)
    return random.uniform(0.5, 2, shape) if "variance" in name else random.normal(0, 0.2, shape)


def write(checkout: Path, folder: Path) -> None:
    """Store whole models, images and logits."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for version in VERSIONS:
        port = ported(checkout, folder, version)
        for name, options in NETWORKS.items():
            values: dict[str, list[np.ndarray]] = {}
            for side in SIDES:
                model = port.Deeplabv3(weights=None, input_shape=(side, side, 3), **options)
                for layer in model.layers:
                    if layer.name not in values:
                        values[layer.name] = [drawn(weight.name, weight.shape, random) for weight in layer.weights]
                    layer.set_weights(values[layer.name])
                image = random.uniform(0, 255, (1, side, side, 3)).astype(np.float32)
                logits = model.predict(image / 127.5 - 1, verbose=0)
                np.savez(folder / f"{version}-{name}-{side}.npz", image=image, logits=logits)
            model.save(folder / f"{version}-{name}.h5")


def compare(folder: Path) -> None:
    """Print a row of a table per network and size."""
    import torch

    from atrous.weights.load import load

    columns = ("version", "network", "output stride, corners", "side", "largest difference", "equal labels")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for path in sorted(folder.glob("*.h5")):
        version, name = path.stem.split("-")
        model = load(path).model.eval().double()
        aligned = "aligned" if model.config.conventions.align_corners else "not aligned"
        for side in SIDES:
            stored = np.load(folder / f"{version}-{name}-{side}.npz")
            with torch.no_grad():
                found = model.logits(torch.from_numpy(stored["image"]).double().permute(0, 3, 1, 2))[0]
            logits, expected = found.permute(1, 2, 0).numpy(), stored["logits"][0]
            difference = np.abs(logits - expected).max() / expected.std()
            same = (logits.argmax(-1) == expected.argmax(-1)).mean()
            stride = model.output_stride
            print(f"| {version} | {name} | {stride}, {aligned} | {side} | {difference:.1e} | {same:.4f} |", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", checkout, folder]:
            write(Path(checkout), Path(folder))
        case ["compare", folder]:
            compare(Path(folder))
        case _:
            sys.exit(__doc__)
