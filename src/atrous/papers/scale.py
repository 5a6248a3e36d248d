"""The scale of a re-run: settings that shrink all rows of a table alike, as part of its protocol."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

import tyro

from atrous.errors import InputError, did_you_mean
from atrous.model.config import (
    ASPPConfig,
    DecoderConfig,
    EfficientNetLiteConfig,
    LayerSpec,
    ModelConfig,
    ResNetConfig,
)
from atrous.model.presets import PRESETS
from atrous.papers.table import Training
from atrous.training.config import TrainConfig, least_norm_momentum
from atrous.training.imagenet_start import imagenet_weights
from atrous.training.recipes import recipe

T = TypeVar("T")

BACKBONES = {
    "resnet18": replace(PRESETS["deeplabv3_resnet50_beta"], backbone=ResNetConfig(depth=18, stem="beta")),
    "resnet50": PRESETS["deeplabv3_resnet50_beta"],
    "resnet101": PRESETS["deeplabv3_resnet101_beta"],
    "xception41": PRESETS["deeplabv3plus_xception41"],
    "xception65": PRESETS["deeplabv3plus_xception65"],
    "mobilenet_v2": PRESETS["deeplabv3plus_mobilenet_v2"],
    "mobilenet_v3": PRESETS["deeplabv3plus_mobilenet_v3"],
    "efficientnet_lite0": PRESETS["deeplabv3plus_efficientnet_lite0"],
}
"""Networks that may replace the paper's: a model with the backbone and its conventions, by name."""


@dataclass(frozen=True)
class Scale:
    """Settings that apply to every row of a table; the defaults are the papers' protocol.

    Attributes:
        recipe: Recipe whose training settings hold; empty is the table's own.
        backbone: Name of a backbone in place of the paper's; empty keeps it.
        backbone_weights: File or name of weights for the backbone; `imagenet` takes the known ones where the width is
            1, `none` random ones.
        coco_weights: Archive of the table's network trained on COCO, for rows that start from it.
        width: Channels of all layers, relative to the paper's; a backbone that starts from named weights keeps its own.
        iterations: Number of steps of a training; None is the recipe's.
        crop: Height and width of a crop in pixels; None is the recipe's.
        batch_size: Crops per step; None is the recipe's.
        learning_rate: Initial learning rate; None is the recipe's.
        warmup: Number of first steps in which the rate rises linearly; None is the recipe's.
        precision: Number type of training; None is the recipe's.
        seeds: Number of trainings of each row, with seeds 0, 1 ...
        images: Number of validation images, evenly spread; 0 is all.
    """

    recipe: str = ""
    backbone: str = ""
    backbone_weights: str = "imagenet"
    coco_weights: str | None = None
    width: float = 1.0
    iterations: int | None = None
    crop: Annotated[tuple[int, int] | None, tyro.conf.arg(metavar="HEIGHT WIDTH")] = None
    batch_size: int | None = None
    learning_rate: float | None = None
    warmup: int | None = None
    precision: Literal["float32", "bfloat16", "float16"] | None = None
    seeds: int = 1
    images: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers out of range and unknown backbones; raises InputError."""
        if self.backbone and self.backbone not in BACKBONES:
            raise InputError(f"unknown backbone {self.backbone!r}; {did_you_mean(self.backbone, BACKBONES)}")
        if not 0.01 <= self.width <= 8:
            raise InputError(f"width {self.width} is out of range; choose 0.01 to 8")
        if not 1 <= self.seeds <= 100:
            raise InputError(f"{self.seeds} seeds are out of range; choose 1 to 100")
        if self.batch_size is not None and self.batch_size < 1:
            raise InputError(f"batch size {self.batch_size} is out of range; choose 1 or more")
        if self.images < 0:
            raise InputError("images cannot be negative; 0 takes all")
        if self.crop is not None and min(self.crop) < 1:
            raise InputError(f"crop {self.crop} is out of range; choose numbers of pixels, such as 513 513")

    def network(self, model: ModelConfig) -> ModelConfig:
        """Return a row's network with the backbone and width of this scale.

        Raises:
            InputError: If the row needs a ResNet and another backbone is wanted, or a backbone has no width.
        """
        if self.backbone:
            model = _with_backbone(model, BACKBONES[self.backbone], name=self.backbone)
        return model if self.width == 1 else self._narrowed(model)

    def _narrowed(self, model: ModelConfig) -> ModelConfig:
        backbone, head, decoder = model.backbone, model.head, model.decoder
        if not self._has_named_weights:
            if isinstance(backbone, EfficientNetLiteConfig):
                raise InputError(
                    f"width {self.width}: EfficientNet-Lite has one width; give its weights by --backbone-weights, so "
                    "that only head and decoder change, or choose mobilenet_v2"
                )
            backbone = replace(backbone, depth_multiplier=self.width)
        if isinstance(head, ASPPConfig):
            head = replace(
                head, aspp_channels=self._channels(head.aspp_channels), projection=self._layers(head.projection)
            )
        if isinstance(decoder, DecoderConfig):
            middle = decoder.middle_level_channels
            decoder = replace(
                decoder,
                low_level_channels=self._channels(decoder.low_level_channels),
                refinement=self._layers(decoder.refinement),
                middle_level_channels=None if middle is None else self._channels(middle),
                middle_refinement=self._layers(decoder.middle_refinement),
            )
        return replace(model, backbone=backbone, head=head, decoder=decoder)

    def _channels(self, channels: int) -> int:
        return max(1, round(channels * self.width))

    def _layers(self, layers: tuple[LayerSpec, ...]) -> tuple[LayerSpec, ...]:
        return tuple((kernel, self._channels(channels), separable) for kernel, channels, separable in layers)

    @property
    def _has_named_weights(self) -> bool:
        return self.backbone_weights not in ("imagenet", "none")

    def weights(self, model: ModelConfig) -> str | None:
        """Return file or name of the weights that the backbone of a network starts from; None is random ones."""
        if self._has_named_weights:
            return self.backbone_weights
        return imagenet_weights(model.backbone) if self.backbone_weights == "imagenet" and self.width == 1 else None

    def train_config(self, training: Training, *, own_recipe: str, classes: int, in_channels: int) -> TrainConfig:
        """Return all settings of a row's training, with seed 0.

        Args:
            training: What the row varies.
            own_recipe: Recipe of the table, where this scale names none.
            classes: Number of classes of the data.
            in_channels: Number of channels of the images.

        Raises:
            InputError: If settings contradict each other.
        """
        start = recipe(self.recipe or own_recipe).config
        model = replace(self.network(training.model), classes=classes, in_channels=in_channels)
        iterations = start.iterations if self.iterations is None else self.iterations
        batch = start.batch_size if self.batch_size is None else self.batch_size
        height, width = self.crop or start.crop
        from_coco = training.start == "COCO"
        return replace(
            start,
            model=model,
            iterations=iterations,
            crop=(_crop_side(height, training.crop), _crop_side(width, training.crop)),
            batch_size=max(1, round(batch * training.batch_size)),
            learning_rate=_first(self.learning_rate, 0.0001 if from_coco else start.learning_rate),
            warmup=_first(self.warmup, start.warmup),
            precision=_first(self.precision, start.precision),
            jitter=start.jitter if in_channels == 3 else 0.0,
            norms=training.norms,
            norm_momentum=max(start.norm_momentum, least_norm_momentum(iterations)) if iterations > 0 else 0.5,
            loss=replace(start.loss, labels=training.labels),
            weight_decay=1e-4 if isinstance(model.backbone, ResNetConfig) else 4e-5,
            backbone_weights=None if from_coco else self.weights(model),
            weights=self.coco_weights if from_coco else None,
            validate_every=max(iterations, 1),
        )


def _first(given: T | None, default: T) -> T:
    return default if given is None else given


def _crop_side(side: int, share: float) -> int:
    """Return the side of a row's crop: for a share of the protocol's, rounded to a multiple of 16 plus 1."""
    return side if share == 1 else max(16 * round((side - 1) * share / 16), 16) + 1


def _with_backbone(model: ModelConfig, other: ModelConfig, *, name: str) -> ModelConfig:
    """Return the model on another backbone; a ResNet keeps the row's Multi_Grid, stem and cascade."""
    own, new = model.backbone, other.backbone
    if isinstance(own, ResNetConfig) and isinstance(new, ResNetConfig):
        return replace(model, backbone=replace(own, depth=new.depth), conventions=other.conventions)
    if model.head is None:
        raise InputError(f"blocks in cascade exist on ResNets alone, not on {name}; choose resnet18 or resnet50")
    return replace(model, backbone=new, conventions=other.conventions)
