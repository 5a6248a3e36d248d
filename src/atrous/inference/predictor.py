"""Prediction of single images."""

import copy
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Integer, UInt8
from PIL import Image
from torch import Tensor

from atrous.data.formats.images import MAX_PIXELS, rgb_array
from atrous.data.formats.tiff import read_picture
from atrous.data.formats.windows import Pixels, check_channels
from atrous.errors import InputError
from atrous.inference.engines.fused import fused
from atrous.inference.multiscale import probability_bands, views
from atrous.inference.result import Result
from atrous.inference.tiling.regions import OnProgress, Region, predict_regions
from atrous.inference.tiling.tiles import Tiling
from atrous.labels import LabelSpace
from atrous.model.deeplab import DeepLab, Images
from atrous.ops.label_map.mean_argmax import mean_argmax
from atrous.ops.label_map.upsample_argmax import upsample_argmax
from atrous.sizes import Size, size_text
from atrous.weights.archive import Archive

Model = DeepLab
ImageInput = str | Path | Image.Image | np.ndarray

LARGEST_SCALE = 8


class Predictor:
    """A model with the settings of its inference: output stride, scales, flip, padding and device.

    The model runs in eval mode and without gradients; the model that was passed in keeps its own mode. On a CPU the
    predictor has a copy of the weights, with batch norms fused into convolutions (`inference/engines/fused.py`). On
    other devices it shares them with that model, unless they have to be copied to another device.

    Args:
        weights: An archive as `atrous.load` returns it, or a model.
        labels: Names and colours of the classes; by default those of the archive, else `class 0`, `class 1` ...
        output_stride: Output stride of the backbone; by default the model's own. Smaller is finer and slower.
        scales: Image sizes whose probabilities are averaged (the papers: 0.5, 0.75, 1, 1.25, 1.5, 1.75).
        flip: If true, the probabilities of the mirrored image are averaged, too.
        pad: (height, width) to which every image is padded with the mean pixel, below and to the right, so that image
            pooling averages over the same area as in the papers (VOC 513x513, Cityscapes 1025x2049); by default none.
        device: Device to compute on; by default that of the weights.

    Attributes:
        labels, output_stride, scales, flip, pad, device: As above, with defaults resolved.
        sha256: Hash of the archive; None for a model.
        precision: Number type of the weights, such as `float32`.
        model: The module that runs, on its device; it is neither to be trained nor saved.

    Raises:
        InputError: If labels and classes differ in number, the network cannot run at the output stride, a scale is not
            in 0..8, or the pad is no size.
    """

    def __init__(
        self,
        weights: Archive | Model,
        *,
        labels: LabelSpace | None = None,
        output_stride: int | None = None,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        pad: Size | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        if isinstance(weights, Archive):
            model, named, self.sha256 = weights.model, weights.labels, weights.sha256
        else:
            model, named, self.sha256 = weights, LabelSpace.unnamed(weights.config.classes), None
        self.labels = labels or named
        if len(self.labels) != len(named):
            raise InputError(f"{len(self.labels)} labels for a model of {len(named)} classes; give one name per class")
        if not scales or not all(0 < scale <= LARGEST_SCALE for scale in scales):
            raise InputError(
                f"scales {tuple(scales)}: give one or more numbers above 0 and up to {LARGEST_SCALE}, such as 0.5 1 1.5"
            )
        if pad is not None and (min(pad) < 1 or math.prod(pad) > MAX_PIXELS):
            raise InputError(f"padding to {size_text(pad)} is out of reach; give a size such as 513x513 or 1025x2049")
        self.output_stride = model.output_stride if output_stride is None else output_stride
        self.scales = tuple(float(scale) for scale in scales)
        self.flip = flip
        self.pad = pad
        weight = model.classifier.weight
        self.precision = str(weight.dtype).removeprefix("torch.")
        self.device = torch.device(device) if device is not None else weight.device
        self._plain = model.replanned(output_stride=self.output_stride).eval()
        if self.device.type != weight.device.type or self.device.index not in (None, weight.device.index):
            self._plain = copy.deepcopy(self._plain).to(self.device)  # `to` alone would move the shared weights
        self.model = fused(self._plain) if self.device.type == "cpu" else self._plain

    def __call__(self, image: ImageInput) -> Result:
        """Predict the label map of an image, at the size of the image.

        Args:
            image: A file, a PIL image, or a uint8 array `[h, w, c]`, RGB unless the model takes other channels.

        Raises:
            InputError: If the file cannot be read, or the image is not what the model takes, or larger than `pad`.
        """
        array = self._array(image)
        height, width = array.shape[:2]
        with torch.inference_mode():
            labels = self._labels(self.batch(array))[:height, :width].cpu().numpy()
        return Result(labels=labels, image=array, space=self.labels)

    def probabilities(self, image: ImageInput) -> Float32[np.ndarray, "k h w"]:
        """Probability of every class at every pixel: 4 bytes * classes * height * width of memory.

        Args:
            image: As for a call, which raises the same errors.
        """
        array = self._array(image)
        height, width = array.shape[:2]
        probabilities = np.empty((len(self.labels), *(self.pad or (height, width))), np.float32)
        with torch.inference_mode():
            bands = probability_bands(self.model, self.batch(array), scales=self.scales, flip=self.flip)
            for rows, band in bands:
                probabilities[:, rows] = band[0].cpu().numpy()
        return probabilities[:, :height, :width]

    def regions(self, pixels: Pixels, *, tiling: Tiling, on_progress: OnProgress | None = None) -> Iterator[Region]:
        """Predict an image of any size in tiles, region by region.

        Args:
            pixels: An image that is read part by part, as `open_pixels` returns it.
            tiling: Size and overlap of the tiles.
            on_progress: Called with (tiles done, tiles in all).

        Raises:
            InputError: If there are scales, flip or pad, the image has other channels than the model takes, tiles are
                too small for their overlap, or the image cannot be read.
        """
        if not self.allows_tiles:
            raise InputError("tiles are seen at scale 1, neither mirrored nor padded; leave out scales, flip and pad")
        check_channels(pixels, channels=self._plain.config.in_channels)
        yield from predict_regions(self._plain, pixels, tiling=tiling, on_progress=on_progress)

    @property
    def allows_tiles(self) -> bool:
        """True at scale 1, without flip and pad: only then can images be predicted in tiles."""
        return self.scales == (1.0,) and not self.flip and self.pad is None

    def _labels(self, images: Images) -> Integer[Tensor, "h w"]:
        height, width = images.shape[-2:]
        if self.scales == (1.0,) and not self.flip:
            placement = self.model.placement((height, width))
            return upsample_argmax(self.model(images), placement)[0]
        return mean_argmax(views(self.model, images, scales=self.scales, flip=self.flip))[0]

    def _array(self, image: ImageInput) -> UInt8[np.ndarray, "h w c"]:
        match image:
            case np.ndarray():
                array = image
            case Image.Image():
                array = rgb_array(image)
            case _:
                array = read_picture(Path(image))
        channels = self.model.config.in_channels
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != channels or not array.size:
            raise InputError(
                f"an image of {array.dtype} {list(array.shape)}; the model takes uint8 [height, width, {channels}]"
            )
        if self.pad is not None and (array.shape[0] > self.pad[0] or array.shape[1] > self.pad[1]):
            raise InputError(
                f"an image of {size_text((array.shape[0], array.shape[1]))} does not fit into the padding to "
                f"{size_text(self.pad)} (height x width); choose a larger one, or none"
            )
        return array

    def batch(self, image: UInt8[np.ndarray, "h w c"]) -> UInt8[Tensor, "1 c h w"] | Float[Tensor, "1 c H W"]:
        """Return an image as a batch for the model, padded where `pad` is set.

        It is channels-last, like the array: on a CPU MobileNetV2 is 1.2 times as fast so, ResNet alike.
        """
        batch = torch.as_tensor(np.array(image, order="C")).permute(2, 0, 1)[None].to(self.device)
        return batch if self.pad is None else self.model.preprocess.on_mean_pixel(batch, size=self.pad)
