"""What other projects' DeepLabs give, stored for tests that can import none of them.

    pip install --no-deps --target peers torchvision==0.28.0 timm==1.0.31 segmentation-models-pytorch==0.6.0 \
        mmsegmentation==1.2.2 mmcv-lite==2.1.0 mmengine==0.10.7 addict yacs fvcore iopath omegaconf
    git clone https://github.com/VainF/DeepLabV3Plus-Pytorch peers/vainf
    git clone https://github.com/jfzhang95/pytorch-deeplab-xception peers/jfzhang95
    git clone https://github.com/facebookresearch/detectron2 peers/detectron2-source
    PYTHONPATH=peers:tests python scripts/peer_references.py ../shared/tools/torchvision_shim.py peers [NAME ...]

As `reference_tensors.py`, which see: weights and images are drawn from names, the networks run in float64, and only
results are stored: the coarse logits, and some of those at full size, where the project upsamples them. Libraries that
the networks do not need (OpenCV, compiled operators) are replaced by empty ones.
"""

import contextlib
import importlib.abc
import importlib.machinery
import json
import runpy
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import torch
from reference_tensors import REFERENCE, standardized, with_drawn_weights
from safetensors.torch import save_file
from torch import Tensor, nn

from reference.weights import mixed

LONG, EVEN_ONLY, LONGER_EVEN = ((17, 305), (18, 306)), ((16, 304), (32, 160)), ((16, 592), (32, 304))
"""As long as the largest rate reaches at the output stride in question."""

CLASSES = 5

EMPTY = (
    "cv2",
    "ftfy",
    "prettytable",
    "yapf",
    "termcolor",
    "tabulate",
    "cloudpickle",
    "portalocker",
    "mmcv.ops",
    "mmcv._ext",
)
EMPTY_OF_DETECTRON2 = ("detectron2._C", "pycocotools", "hydra", "black", "panopticapi", "tensorboard", "shapely")

Results = Iterator[tuple[str, nn.Module, dict[str, Tensor]]]
"""Name, model that was run, what it gave."""


class Empty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives modules that have everything and do nothing for what is not installed."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, _path: Any, _target: Any = None) -> importlib.machinery.ModuleSpec | None:
        known = any(name == empty or name.startswith(f"{empty}.") for empty in self.names)
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if known else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = MagicMock(name=spec.name)
        module.__name__, module.__path__, module.__spec__ = spec.name, [], spec
        module.__version__ = "99.0"
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextlib.contextmanager
def imported_from(folder: Path) -> Iterator[None]:
    """Modules of a checkout, forgotten again: `modeling` and `network` are common names."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in ("modeling", "network", "utils", "datasets"):
                del sys.modules[name]


def ran(model: nn.Module, classifier: nn.Module, forward: Callable[[Tensor], Tensor], sizes: Any) -> Iterator[Any]:
    """For every size the output of the classifier, and every so many of those at full size."""
    with_drawn_weights(model)
    kept = []
    hook = classifier.register_forward_hook(lambda *called: kept.append(called[-1]))
    for size in sizes:
        image = standardized(size)
        full = forward(image)
        results = {"coarse": kept[-1]}
        if full.shape[-2:] == image.shape[-2:]:
            results["full"] = full[..., ::5, ::11]
        yield size, results
    hook.remove()


def vainf(folder: Path) -> Results:
    with imported_from(folder):
        from network import _deeplab, modeling

        for name, output_stride, separable in (
            ("deeplabv3_resnet50", 16, False),
            ("deeplabv3plus_resnet50", 16, False),
            ("deeplabv3plus_resnet50", 16, True),
            ("deeplabv3plus_mobilenet", 16, False),
        ):
            builder = getattr(modeling, name)
            model = builder(num_classes=CLASSES, output_stride=output_stride, pretrained_backbone=False)
            if separable:
                _deeplab.convert_to_separable_conv(model.classifier)
            for size, results in ran(model, model.classifier.classifier[-1], model, LONG):
                yield (
                    f"vainf_{name}{'_separable' if separable else ''}/{output_stride}/{size[0]}x{size[1]}",
                    model,
                    results,
                )


def jfzhang95(folder: Path) -> Results:
    with imported_from(folder):
        from modeling import deeplab
        from modeling.backbone import resnet

        resnet.ResNet._load_pretrained_model = lambda _: None
        model = deeplab.DeepLab(backbone="resnet", output_stride=16, num_classes=CLASSES, sync_bn=False)
        for size, results in ran(model, model.decoder.last_conv[8], model, LONG):
            yield f"jfzhang95_resnet101/16/{size[0]}x{size[1]}", model, results


def smp() -> Results:
    import segmentation_models_pytorch

    for kind, encoder, output_stride, sizes in (
        ("DeepLabV3", "resnet50", 8, EVEN_ONLY),
        ("DeepLabV3Plus", "resnet50", 16, LONGER_EVEN),
        ("DeepLabV3Plus", "mobilenet_v2", 16, EVEN_ONLY),
    ):
        builder = getattr(segmentation_models_pytorch, kind)
        model = builder(encoder, encoder_weights=None, classes=CLASSES, encoder_output_stride=output_stride)
        for size, results in ran(model, model.segmentation_head[0], model, sizes):
            yield f"smp_{kind.lower()}_{encoder}/{output_stride}/{size[0]}x{size[1]}", model, results


def mmsegmentation() -> Results:
    import mmcv

    mmcv.__version__ = "2.1.0"
    from mmseg.models.backbones import ResNetV1c
    from mmseg.models.decode_heads import ASPPHead, DepthwiseSeparableASPPHead

    norm = {"type": "BN"}
    common = {
        "in_channels": 2048,
        "in_index": 3,
        "channels": 512,
        "dilations": (1, 12, 24, 36),
        "num_classes": CLASSES,
        "norm_cfg": norm,
        "align_corners": False,
    }
    for name in ("deeplabv3", "deeplabv3plus"):
        model = nn.Module()
        plan = {"strides": (1, 2, 1, 1), "dilations": (1, 1, 2, 4), "contract_dilation": True}
        model.backbone = ResNetV1c(depth=50, **plan, norm_cfg=norm)
        plus = {"c1_in_channels": 256, "c1_channels": 48}
        model.decode_head = DepthwiseSeparableASPPHead(**common, **plus) if "plus" in name else ASPPHead(**common)

        def forward(image: Tensor, model: nn.Module = model) -> Tensor:
            logits = model.decode_head(model.backbone(image))
            return nn.functional.interpolate(logits, size=image.shape[2:], mode="bilinear", align_corners=False)

        for size, results in ran(model, model.decode_head.conv_seg, forward, LONG):
            yield f"mmsegmentation_{name}_r50/8/{size[0]}x{size[1]}", model, results


def detectron2(folder: Path) -> Results:
    """With a crop of 32x64, so that image pooling has windows smaller than the images."""
    sys.meta_path.insert(0, Empty(EMPTY_OF_DETECTRON2))
    sys.path[:0] = [str(folder), str(folder / "projects" / "DeepLab")]
    from deeplab import add_deeplab_config
    from detectron2.config import get_cfg
    from detectron2.modeling import build_backbone, build_sem_seg_head

    configs = folder / "projects" / "DeepLab" / "configs" / "Cityscapes-SemanticSegmentation"
    for name in ("deeplab_v3", "deeplab_v3_plus"):
        cfg = get_cfg()
        add_deeplab_config(cfg)
        cfg.merge_from_file(str(configs / f"{name}_R_103_os16_mg124_poly_90k_bs16.yaml"))
        cfg.MODEL.DEVICE, cfg.MODEL.RESNETS.DEPTH, cfg.MODEL.RESNETS.NORM = "cpu", 50, "BN"
        cfg.MODEL.SEM_SEG_HEAD.NORM, cfg.MODEL.SEM_SEG_HEAD.NUM_CLASSES = "BN", CLASSES
        cfg.INPUT.CROP.SIZE = (32, 64)
        model = nn.Module()
        model.backbone = build_backbone(cfg)
        model.sem_seg_head = build_sem_seg_head(cfg, model.backbone.output_shape())

        def forward(image: Tensor, model: nn.Module = model) -> Tensor:
            return model.sem_seg_head(model.backbone(image))[0]

        for size, results in ran(model, model.sem_seg_head.predictor, forward, ((49, 305), (64, 320))):
            yield f"detectron2_{name}_r50/16/{size[0]}x{size[1]}", model, {"coarse": results["coarse"]}


def timm() -> Results:
    """Mixtures of the last map's channels."""
    from timm import create_model

    for name in (
        "mobilenetv2_050",
        "mobilenetv3_large_100",
        "mobilenetv3_small_075",
        "tf_mobilenetv3_large_100",
        "resnet50c",
    ):
        model = with_drawn_weights(create_model(name))
        for size in ((49, 33), (34, 50)):
            maps = model.forward_intermediates(standardized(size), intermediates_only=True)
            yield f"timm_{name}/32/{size[0]}x{size[1]}", model, {"high": mixed(maps[-1], count=8)}


def store(path: Path, results: Results) -> None:
    tensors: dict[str, Tensor] = {}
    shapes: dict[str, dict[str, list[int]]] = {}
    for name, model, given in results:
        for kind, result in given.items():
            print(f"{name}/{kind}: {tuple(result.shape)}, deviation {result.std():.3f}")
            tensors[f"{name}/{kind}"] = result.float().contiguous()
        shapes[name.partition("/")[0]] = {key: list(value.shape) for key, value in model.state_dict().items()}
    versions = f"torch {torch.__version__}"
    save_file(tensors, path, {"shapes": json.dumps(shapes, separators=(",", ":")), "versions": versions})
    print(f"{path}: {path.stat().st_size} bytes")


@torch.no_grad()
def main(shim: str, folder: str, *names: str) -> None:
    runpy.run_path(shim)
    sys.meta_path.insert(0, Empty(EMPTY))
    peers = {
        "vainf": lambda: vainf(Path(folder) / "vainf"),
        "jfzhang95": lambda: jfzhang95(Path(folder) / "jfzhang95"),
        "smp": smp,
        "timm": timm,
        "mmsegmentation": mmsegmentation,
        "detectron2": lambda: detectron2(Path(folder) / "detectron2-source"),
    }
    for name in names or tuple(peers):
        store(REFERENCE / f"peer_{name}.safetensors", chain(peers[name]()))


if __name__ == "__main__":
    main(*sys.argv[1:])
