"""What torchvision's DeepLabv3 and timm's Xception give, stored for tests that can import neither of them.

    pip install --no-deps --target peers torchvision==0.28.0 timm==1.0.31
    PYTHONPATH=peers:tests python scripts/reference_tensors.py ../shared/tools/torchvision_shim.py

Both networks get weights and an image that are drawn from names (`drawn`) and run in float64. A test draws the
same; only results are stored, in tests/reference/ as float32, beside the names and shapes of all tensors. The shim
declares what torchvision's compiled operators would register, so that it imports beside a CPU build of torch.
"""

import json
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from reference.weights import drawn, mixed

REFERENCE = Path(__file__).parents[1] / "tests" / "reference"

LONG_SIZES = ((17, 305), (306, 18))
"""Odd and even; at output stride 8 longer than the reach of the largest ASPP rate, 36."""

SIZES = ((49, 33), (34, 50))

MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64).view(3, 1, 1)

Results = Iterator[tuple[str, nn.Module, Tensor]]
"""Name, model that was run, what it gave."""


def with_drawn_weights(model: nn.Module) -> nn.Module:
    state = {name: drawn(name, tensor.shape) for name, tensor in model.state_dict().items()}
    model.double().load_state_dict(state)
    return model.eval()


def torchvision_logits() -> Results:
    """Coarse logits. Their own builders know output stride 8 only; backbone and head are exchanged for the others."""
    from torchvision.models import resnet, segmentation
    from torchvision.models._utils import IntermediateLayerGetter
    from torchvision.models.segmentation.deeplabv3 import DeepLabHead

    for depth in (50, 101):
        builder = getattr(segmentation, f"deeplabv3_resnet{depth}")
        model = builder(weights=None, weights_backbone=None, num_classes=21, aux_loss=True)
        for output_stride, rates in ((8, (12, 24, 36)), (16, (6, 12, 18)), (32, (3, 6, 9))):
            if output_stride != 8:
                dilated = (False, False, output_stride == 16)
                backbone = getattr(resnet, f"resnet{depth}")(weights=None, replace_stride_with_dilation=dilated)
                model.backbone = IntermediateLayerGetter(backbone, {"layer3": "aux", "layer4": "out"})
                model.classifier = DeepLabHead(2048, 21, rates)
            with_drawn_weights(model)
            for size in LONG_SIZES:
                image = (drawn("image", (1, 3, *size)) + 0.5 - MEAN) / STD
                logits = model.classifier(model.backbone(image)["out"])
                yield f"resnet{depth}/{output_stride}/{size[0]}x{size[1]}", model, logits


def timm_features() -> Results:
    """Mixtures of all channels, of the decoder's taps after ReLU and of the last map.

    At output stride 8 their Xception-71 is left out: it lacks a shortcut there that its own weights have.
    """
    from timm import create_model

    for depth, output_strides in ((41, (16,)), (65, (8, 16, 32)), (71, (16, 32))):
        for output_stride in output_strides:
            model = with_drawn_weights(create_model(f"xception{depth}", output_stride=output_stride))
            for size in SIZES:
                _, maps = model.forward_intermediates(2 * drawn("image", (1, 3, *size)))
                for name, features in (("low", maps[1]), ("middle", maps[2]), ("high", maps[-1])):
                    label = f"xception{depth}/{output_stride}/{size[0]}x{size[1]}/{name}"
                    yield label, model, mixed(features, count=16 if name == "high" else 2)


def store(path: Path, results: Callable[[], Results], *, versions: str) -> None:
    tensors: dict[str, Tensor] = {}
    shapes: dict[str, dict[str, list[int]]] = {}
    for name, model, result in results():
        among = result.std((2, 3)).mean()
        print(f"{name}: {tuple(result.shape)}, deviation {result.std():.3f}, among positions {among:.3f}")
        tensors[name] = result.float().contiguous()
        shapes[name.partition("/")[0]] = {key: list(value.shape) for key, value in model.state_dict().items()}
    save_file(tensors, path, {"shapes": json.dumps(shapes, separators=(",", ":")), "versions": versions})
    print(f"{path}: {path.stat().st_size} bytes")


@torch.no_grad()
def main(shim: str) -> None:
    runpy.run_path(shim)
    import timm
    import torchvision

    store(
        REFERENCE / "torchvision_deeplabv3.safetensors",
        torchvision_logits,
        versions=f"torchvision {torchvision.__version__}, torch {torch.__version__}",
    )
    store(
        REFERENCE / "timm_xception.safetensors",
        timm_features,
        versions=f"timm {timm.__version__}, torch {torch.__version__}",
    )


if __name__ == "__main__":
    main(sys.argv[1])
