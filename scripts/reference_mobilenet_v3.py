"""Logits of torchvision's MobileNetV3 models, for `tests/model/test_torchvision_mobilenet_v3.py`.

torchvision does not import beside the CPU build of torch; the shim declares what is missing:

    pip install --no-deps --target torchvision torchvision==0.28.0
    PYTHONPATH=src:tests:torchvision:../shared/tools python scripts/reference_mobilenet_v3.py
"""

import json

import torch
import torchvision_shim  # noqa: F401  # pyright: ignore[reportMissingImports]
from safetensors.torch import save_file
from torchvision.models import segmentation  # pyright: ignore[reportMissingImports]

from atrous.model.presets import preset
from reference.torchvision_mobilenet_v3 import CLASSES, EVERY, SIZES, STORED, picture, seeded

BUILDERS = {
    "deeplabv3_mobilenet_v3": segmentation.deeplabv3_mobilenet_v3_large,
    "lraspp_mobilenet_v3": segmentation.lraspp_mobilenet_v3_large,
}


def main() -> None:
    logits, shapes = {}, {}
    for name, builder in BUILDERS.items():
        model = builder(weights=None, weights_backbone=None, num_classes=CLASSES).double().eval()
        state = model.state_dict()
        shapes[name] = {key: list(tensor.shape) for key, tensor in state.items()}
        model.load_state_dict({key: torch.from_numpy(seeded(key, tuple(shape))) for key, shape in shapes[name].items()})
        conventions = preset(name).conventions
        # In single precision, as the model holds them.
        mean, std = (torch.tensor(c).view(-1, 1, 1).double() for c in (conventions.input_mean, conventions.input_std))
        for size in SIZES:
            with torch.no_grad():
                out = model((torch.from_numpy(picture(size)).double() - mean) / std)["out"]
            logits[f"{name} {size[0]}x{size[1]}"] = out[..., ::EVERY, ::EVERY].contiguous()
    save_file(logits, STORED, metadata={"shapes": json.dumps(shapes)})
    print(f"{STORED}: {STORED.stat().st_size} bytes")


if __name__ == "__main__":
    main()
