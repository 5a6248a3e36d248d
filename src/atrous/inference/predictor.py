"""From any picture to its label map."""

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
from atrous.inference.tiling.mosaic import OnProgress, Window, windows
from atrous.inference.tiling.tiles import Tiling
from atrous.labels import LabelSpace
from atrous.model.deeplab import DeepLab, Images
from atrous.ops.label_map.mean_argmax import mean_argmax
from atrous.ops.label_map.upsample_argmax import upsample_argmax
from atrous.sizes import Size, size_text
from atrous.weights.archive import Archive

Model = DeepLab
Picture = str | Path | Image.Image | np.ndarray

LARGEST_SCALE = 8


class Predictor:
    """A model ready to be asked: its strides, scales, mirroring and device are settled.

    The model is run in eval mode and without gradients; the caller's own stays in the mode it is in. On a CPU the
    weights are those of this moment (`inference/engines/fused.py`); elsewhere they are shared with it, unless they have
    to be copied to another device.

    Args:
        weights: What `atrous.load` gives, or a model.
        labels: What the classes mean; by default what the weights say, else `class 0`, `class 1` ...
        output_stride: Of the backbone; by default the model's own. Smaller is finer and slower.
        scales: Image sizes whose probabilities are averaged (the papers: 0.5, 0.75, 1, 1.25, 1.5, 1.75).
        flip: Whether the mirrored image takes part, too.
        pad: (height, width) that every picture is padded to, below and right with the mean pixel, so that image pooling
            sees as much of it as in the papers (VOC 513x513, Cityscapes 1025x2049); by default none is.
        device: Where to compute; by default where the weights are.

    Attributes:
        labels, output_stride, scales, flip, pad, device: As settled.
        sha256: Of the archive that the weights came from; None where they came as a model.
        precision: Number type of the weights, such as `float32`.
        model: What is asked, on its device; nothing to train or save.

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
        here = model.classifier.weight
        self.precision = str(here.dtype).removeprefix("torch.")
        self.device = torch.device(device) if device is not None else here.device
        self._plain = model.replanned(output_stride=self.output_stride).eval()
        if self.device.type != here.device.type or self.device.index not in (None, here.device.index):
            self._plain = copy.deepcopy(self._plain).to(self.device)  # `to` alone would move the shared weights
        self.model = fused(self._plain) if self.device.type == "cpu" else self._plain

    def __call__(self, picture: Picture) -> Result:
        """The label map of a picture, at its own size.

        Args:
            picture: A file, a PIL image, or an array `[h, w, c]` of 0..255, RGB unless the model takes other channels.

        Raises:
            InputError: If the file cannot be read, or the picture is not what the model takes, or larger than the pad.
        """
        image = self._image(picture)
        height, width = image.shape[:2]
        with torch.inference_mode():
            labels = self._labels(self.batch(image))[:height, :width].cpu().numpy()
        return Result(labels=labels, image=image, space=self.labels)

    def probabilities(self, picture: Picture) -> Float32[np.ndarray, "k h w"]:
        """The probability of every class at every pixel: 4 bytes * classes * height * width of memory.

        Args:
            picture: As for a call; raises the same.
        """
        image = self._image(picture)
        height, width = image.shape[:2]
        probabilities = np.empty((len(self.labels), *(self.pad or (height, width))), np.float32)
        with torch.inference_mode():
            bands = probability_bands(self.model, self.batch(image), scales=self.scales, flip=self.flip)
            for rows, band in bands:
                probabilities[:, rows] = band[0].cpu().numpy()
        return probabilities[:, :height, :width]

    def windows(self, pixels: Pixels, *, tiling: Tiling, on_progress: OnProgress | None = None) -> Iterator[Window]:
        """The answer to a picture of any size, window by window, tile after tile.

        Args:
            pixels: A picture that is read part by part, as `open_pixels` gives it.
            tiling: How it is cut.
            on_progress: Progress: told (tiles done, tiles in all).

        Raises:
            InputError: If there are scales, flip or pad, the picture has other channels than the model takes, tiles are
                too small for their overlap, or the picture cannot be read.
        """
        if not self.sees_tiles:
            raise InputError("tiles are seen at scale 1, neither mirrored nor padded; leave out scales, flip and pad")
        check_channels(pixels, channels=self._plain.config.in_channels)
        yield from windows(self._plain, pixels, tiling=tiling, on_progress=on_progress)

    @property
    def sees_tiles(self) -> bool:
        """Whether pictures can be cut: at a single scale, without flip and pad."""
        return self.scales == (1.0,) and not self.flip and self.pad is None

    def _labels(self, images: Images) -> Integer[Tensor, "h w"]:
        height, width = images.shape[-2:]
        if self.scales == (1.0,) and not self.flip:
            placement = self.model.placement((height, width))
            return upsample_argmax(self.model(images), **placement._asdict())[0]
        return mean_argmax(views(self.model, images, scales=self.scales, flip=self.flip))[0]

    def _image(self, picture: Picture) -> UInt8[np.ndarray, "h w c"]:
        match picture:
            case np.ndarray():
                image = picture
            case Image.Image():
                image = rgb_array(picture)
            case _:
                image = read_picture(Path(picture))
        channels = self.model.config.in_channels
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != channels or not image.size:
            raise InputError(
                f"a picture of {image.dtype} {list(image.shape)}; the model takes uint8 [height, width, {channels}]"
            )
        if self.pad is not None and (image.shape[0] > self.pad[0] or image.shape[1] > self.pad[1]):
            raise InputError(
                f"a picture of {size_text(image.shape[:2])} does not fit into the padding to {size_text(self.pad)} "
                "(height x width); choose a larger one, or none"
            )
        return image

    def batch(self, image: UInt8[np.ndarray, "h w c"]) -> UInt8[Tensor, "1 c h w"] | Float[Tensor, "1 c H W"]:
        """A picture as the model takes it, padded if it is to be.

        Channels-last, as pictures lie in memory: on a CPU MobileNetV2 is 1.2 times as fast so, ResNet alike.
        """
        batch = torch.from_numpy(np.array(image, order="C")).permute(2, 0, 1)[None].to(self.device)
        return batch if self.pad is None else self.model.preprocess.on_mean_pixel(batch, size=self.pad)
