"""Prediction of images in memory, in files or at addresses."""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, overload

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Integer, UInt8
from torch import Tensor

from atrous.data.formats.images import MAX_PIXELS
from atrous.data.formats.value_range import Ranges, parse_ranges
from atrous.data.formats.windows import ArrayPixels, Pixels, check_channels
from atrous.errors import InputError
from atrous.inference.device import Device, choose_device
from atrous.inference.engines.engine import Engine
from atrous.inference.engines.exported_network import ExportedNetwork
from atrous.inference.engines.fused import fused
from atrous.inference.engines.open_engine import is_exported, open_engine
from atrous.inference.image_input import ImageInput, holds_several, image_array
from atrous.inference.in_tiles import WHOLE_PIXELS, check_whole, joined_labels
from atrous.inference.multiscale import augmented_logits, probability_bands
from atrous.inference.precision import Precision, PrecisionChoice, check_precision, choose_precision, in_precision
from atrous.inference.result import Result, without_missing
from atrous.inference.tiling.regions import OnProgress, Region, predict_regions
from atrous.inference.tiling.tiles import Tiling
from atrous.inference.torch_settings import inference_context
from atrous.labels import LabelSpace
from atrous.model.deeplab import DeepLab, Images
from atrous.ops.label_map.mean_argmax import mean_argmax
from atrous.ops.label_map.upsample_argmax import upsample_argmax
from atrous.sizes import Size, size_text
from atrous.weights.archive import Archive
from atrous.weights.load import load

Model = DeepLab

MAX_SCALE = 8

BATCH_LIMITS = {"cpu": (2**16, 64)}
"""Most pixels and images in a batch, by kind of device: more pixels leave a CPU's caches, more images wait long."""
OTHER_BATCH_LIMITS = (2**22, 256)


class Predictor:
    """A model with the settings of its inference: output stride, scales, flip, padding and device.

    The model runs in eval mode and without gradients; the model that was passed in keeps its own mode. On a CPU the
    predictor has a copy of the weights, with batch norms fused into convolutions (`inference/engines/fused.py`). On
    other devices it shares them with that model, unless they have to be copied to another device.

    Args:
        weights: A name that `atrous weights` lists, a file of weights, a run folder (its last checkpoint is used), an
            archive as `atrous.load` returns it, a model, an exported file (`.onnx`, `.xml`), or an engine that has
            opened one. Exported files compute at scale 1 on the CPU, and have their output stride built in.
        labels: Names and colours of the classes; by default those of the archive, else `class 0`, `class 1` ...
        output_stride: Output stride of the backbone; by default the model's own. Smaller is finer and slower.
        scales: Image sizes whose probabilities are averaged (the papers: 0.5, 0.75, 1, 1.25, 1.5, 1.75).
        flip: If true, the probabilities of the mirrored image are averaged, too.
        pad: (height, width), or the side of a square, to which every image is padded with the mean pixel, below and to
            the right, so that image pooling averages over the same area as in the papers (VOC 513x513, Cityscapes
            1025x2049); by default none.
        device: Device to compute on: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`, a number, or a device of torch; by
            default that of the weights.
        precision: Number type of the computation; by default that of the weights. `auto` compares half precision with
            float32 on generated images, once, and takes it where labels agree (`inference/precision.py`).

    Attributes:
        labels, output_stride, scales, flip, pad, device: As above, with defaults resolved.
        sha256: Hash of the archive; None for a model.
        precision: Number type of the computation, such as `float32`.
        picture_range: Numbers that are black and white in pictures of more than 8 bits per band: those of the data that
            the weights were trained on; empty where none were declared. It can be set.
        precision_reason: The comparison that led to it; empty unless `auto` was asked for.
        in_channels: Number of channels of the images.

    Raises:
        InputError: If weights cannot be loaded, labels and classes differ in number, the network cannot run at the
            output stride, a scale is not in 0..8, the pad is no size, or the precision has another name.
    """

    def __init__(
        self,
        weights: str | Path | Archive | DeepLab | Engine,
        *,
        labels: LabelSpace | None = None,
        output_stride: int | None = None,
        scales: float | Sequence[float] = (1.0,),
        flip: bool = False,
        pad: int | Size | None = None,
        device: Device | None = None,
        precision: Precision | None = None,
    ) -> None:
        if isinstance(weights, str | Path):
            weights = open_engine(Path(weights)) if is_exported(weights) else load(weights)
        self.picture_range: Ranges = ()
        self._exported: ExportedNetwork | None = None
        model: DeepLab | None = None
        if isinstance(weights, Archive):
            model, named, self.sha256 = weights.model, weights.labels, weights.sha256
            self.picture_range = _ranges(weights.picture_range)
        elif isinstance(weights, Engine):
            self._exported = ExportedNetwork(weights)
            named, self.sha256 = weights.description.labels, weights.description.weights_sha256
            self.picture_range = _ranges(weights.description.picture_range)
        elif isinstance(cast(object, weights), DeepLab):
            model, named, self.sha256 = weights, LabelSpace.unnamed(weights.config.classes), None
        else:
            raise InputError(
                f"weights of type {type(weights).__name__}; give a name, a file, a run folder, or a model of atrous"
            )
        self.labels = labels or named
        if len(self.labels) != len(named):
            raise InputError(f"{len(self.labels)} labels for a model of {len(named)} classes; give one name per class")
        scales = (scales,) if isinstance(scales, float | int) else tuple(scales)
        if not scales or not all(0 < scale <= MAX_SCALE for scale in scales):
            raise InputError(
                f"scales {scales}: give one or more numbers above 0 and up to {MAX_SCALE}, such as 0.5 1 1.5"
            )
        pad = (pad, pad) if isinstance(pad, int) else pad
        if pad is not None and (min(pad) < 1 or math.prod(pad) > MAX_PIXELS):
            raise InputError(f"padding to {size_text(pad)} is out of reach; give a size such as 513x513 or 1025x2049")
        self.scales = tuple(float(scale) for scale in scales)
        self.flip = flip
        self.pad = pad
        if self._exported is not None:
            self._exported.check_settings(
                output_stride=output_stride, scales=self.scales, flip=flip, pad=pad, device=device, precision=precision
            )
            self.device, self.precision, self.precision_reason = torch.device("cpu"), self._exported.precision, ""
            self.output_stride = self._exported.description.output_stride
            self.in_channels = self._exported.description.in_channels
            return
        assert model is not None
        self.in_channels = model.config.in_channels
        self.output_stride = model.output_stride if output_stride is None else output_stride
        weight = model.classifier.weight
        self.device = choose_device(device) if device is not None else weight.device
        self._unfused = model.replanned(output_stride=self.output_stride).eval()
        if self.device.type != weight.device.type or self.device.index not in (None, weight.device.index):
            self._unfused = copy.deepcopy(self._unfused).to(self.device)  # `to` alone would move the shared weights
        self._unfused.preprocess.range_checked = True  # at scales, a black image is one of small floats
        choice = self._choose(precision)
        self.precision, self.precision_reason, self._dtype = choice.precision, choice.reason, choice.dtype
        if self._dtype != weight.dtype:
            self._model = in_precision(self._unfused, self._dtype)
        else:
            self._model = fused(self._unfused) if self.device.type == "cpu" else self._unfused

    @property
    def model(self) -> DeepLab:
        """The module that runs, on its device; it is neither to be trained nor saved.

        Raises:
            InputError: If the predictor computes an exported file, which has no module.
        """
        if self._exported is not None:
            raise InputError("an exported file has no module of torch; give the weights that it was made from")
        return self._model

    @property
    def is_exported(self) -> bool:
        """True if an engine computes an exported file."""
        return self._exported is not None

    def _choose(self, precision: Precision | None) -> PrecisionChoice:
        if precision is None:
            return PrecisionChoice(str(self._unfused.classifier.weight.dtype).removeprefix("torch."))
        check_precision(precision)
        if precision != "auto":
            return PrecisionChoice(precision)
        with inference_context(self.device):
            return choose_precision(self._unfused)

    @overload
    def __call__(self, image: Sequence[ImageInput], *, probabilities: bool = False) -> list[Result]: ...

    @overload
    def __call__(self, image: Tensor, *, probabilities: bool = False) -> Any: ...

    @overload
    def __call__(self, image: ImageInput, *, probabilities: bool = False) -> Result: ...

    def __call__(self, image: object, *, probabilities: bool = False) -> Result | list[Result]:
        """Predict the label map of one image or of several, at the size of each image.

        An image of more than 4096 x 4096 pixels is predicted in tiles, as `atrous predict` does, where neither
        probabilities nor scales, flip or padding are asked for.

        Args:
            image: A path, an http or https address (at most 100 MB and 30 s), the bytes of an image file, a binary
                file object, a PIL image, a uint8 array `[h, w, c]` (RGB unless the model takes other channels; grey
                `[h, w]` and RGBA become RGB), or a uint8 tensor `[c, h, w]`. A list or tuple of these, or a tensor
                `[b, c, h, w]`, is computed in batches of equal size.
            probabilities: If true, results hold the probability of every class at every pixel, too.

        Returns:
            One result, or a list of results in the order of the images.

        Raises:
            InputError: If an image cannot be read, is not what the model takes, is larger than `pad`, or takes more
                memory than the device has.
        """
        if not holds_several(image):
            array, missing = self._read(image)
            (result,) = self._predict_arrays([array], probabilities=probabilities)
            return without_missing(result, missing)
        images = list(cast(Sequence[object], image))
        arrays, all_missing = list[np.ndarray](), list[Bool[np.ndarray, "_ _"] | None]()
        for number, single in enumerate(images, start=1):
            try:
                array, missing = self._read(single)
            except InputError as error:
                raise InputError(f"image {number} of {len(images)}: {error}") from error
            arrays.append(array)
            all_missing.append(missing)
        results = self._predict_arrays(arrays, probabilities=probabilities)
        return list(map(without_missing, results, all_missing))

    def probabilities(self, image: ImageInput) -> Float32[np.ndarray, "k h w"]:
        """Probability of every class at every pixel: 4 bytes * classes * height * width of memory.

        Args:
            image: One image, as for a call, which raises the same errors.
        """
        array = self.image_array(image)
        self.check_memory((array.shape[0], array.shape[1]), probabilities=True)
        if self._exported is not None:
            return self._exported.probabilities([array])[0]
        with inference_context(self.device):
            return self._probabilities(self.batch(array))[0][:, : array.shape[0], : array.shape[1]]

    def image_array(self, image: object) -> UInt8[np.ndarray, "h w c"]:
        """Convert an image in any form that a call takes to an array; raises the InputErrors of a call."""
        return self._read(image)[0]

    def _read(self, image: object) -> tuple[UInt8[np.ndarray, "h w c"], Bool[np.ndarray, "h w"] | None]:
        """Convert an image to an array, and find its pixels without data."""
        array, missing = image_array(image, channels=self.in_channels, ranges=self.picture_range)
        if self.pad is not None and (array.shape[0] > self.pad[0] or array.shape[1] > self.pad[1]):
            raise InputError(
                f"an image of {size_text((array.shape[0], array.shape[1]))} does not fit into the padding to "
                f"{size_text(self.pad)} (height x width); choose a larger one, or none"
            )
        return array, missing

    def input_size(self, array: UInt8[np.ndarray, "h w c"]) -> Size:
        """(height, width) of an image as the network takes it, with padding: images of equal size form batches."""
        return self.pad or (array.shape[0], array.shape[1])

    def batch_length(self, size: Size) -> int:
        """Number of images of an input size that are computed together."""
        pixels, images = BATCH_LIMITS.get(self.device.type, OTHER_BATCH_LIMITS)
        return min(max(1, pixels // math.prod(size)), images)

    def predict_batch(
        self, arrays: Sequence[UInt8[np.ndarray, "_ _ c"]], *, probabilities: bool = False
    ) -> list[Result]:
        """Predict images of one input size together.

        Args:
            arrays: Images as `image_array` returns them.
            probabilities: If true, results hold probabilities, too.

        Raises:
            InputError: If they take more memory than the device has.
        """
        for array in arrays:
            self.check_memory((array.shape[0], array.shape[1]), probabilities=probabilities)
        if self._exported is not None:
            labels = self._exported.labels(arrays)
            maps = self._exported.probabilities(arrays) if probabilities else [None] * len(arrays)
        else:
            with inference_context(self.device):
                images = self.batch(*arrays)
                labels = self._labels(images).cpu().numpy()
                maps = self._probabilities(images) if probabilities else [None] * len(arrays)
        results = list[Result]()
        for array, label_map, class_maps in zip(arrays, labels, maps, strict=True):
            height, width = array.shape[:2]
            cropped = None if class_maps is None else class_maps[:, :height, :width]
            results.append(Result(label_map[:height, :width], image=array, space=self.labels, probabilities=cropped))
        return results

    def regions(self, pixels: Pixels, *, tiling: Tiling, on_progress: OnProgress | None = None) -> Iterator[Region]:
        """Predict an image of any size in tiles, region by region.

        Args:
            pixels: An image that is read part by part, as `open_pixels` returns it.
            tiling: Size and overlap of the tiles.
            on_progress: Called with (tiles done, tiles in all).

        Raises:
            InputError: At the call, if there are scales, flip or pad, the image has other channels than the model
                takes, or tiles are too small for their overlap; while regions are computed, if it cannot be read.
        """
        if self._exported is not None:
            raise InputError("exported files compute whole images; give the weights for tiles")
        if not self.allows_tiles:
            raise InputError("tiles are seen at scale 1, neither mirrored nor padded; leave out scales, flip and pad")
        check_channels(pixels, channels=self._unfused.config.in_channels)
        return predict_regions(self._unfused, pixels, tiling=tiling, dtype=self._dtype, on_progress=on_progress)

    @property
    def allows_tiles(self) -> bool:
        """True for weights at scale 1, without flip and pad: only then can images be predicted in tiles."""
        return self._exported is None and self.scales == (1.0,) and not self.flip and self.pad is None

    def batch(self, *arrays: UInt8[np.ndarray, "_ _ c"]) -> UInt8[Tensor, "b c h w"] | Float[Tensor, "b c H W"]:
        """Return images of one input size as a batch for the model, padded where `pad` is set.

        It is channels-last, like the arrays: on a CPU MobileNetV2 is 1.2 times as fast so, ResNet alike.
        """
        if self.pad is None:
            return torch.as_tensor(np.stack(arrays)).permute(0, 3, 1, 2).to(self.device)
        singles = (torch.as_tensor(np.array(array)).permute(2, 0, 1)[None].to(self.device) for array in arrays)
        return torch.cat([self.model.preprocess.pad_with_mean(single, size=self.pad) for single in singles])

    def check_memory(self, size: Size, *, probabilities: bool = False) -> None:
        """Refuse an image that takes more memory than the device has; nothing is computed.

        What is predicted in tiles is never refused, nor are images of exported files, which show no layers.

        Args:
            size: (height, width) of the image.
            probabilities: If true, the probabilities of all classes are asked for.

        Raises:
            InputError: With the memory that is needed and that there is.
        """
        computed, tiled = self._computed_size(size), self.allows_tiles and not probabilities
        if self._exported is not None or tiled or math.prod(computed) <= WHOLE_PIXELS:
            return
        check_whole(
            replace(self.model.config, output_stride=self.output_stride),
            size,
            computed=computed,
            bytes_per_number=self.model.classifier.weight.element_size(),
            maps=4 * len(self.labels) * math.prod(size) if probabilities else 0,
            ways={
                "probabilities": probabilities,
                "scales": self.scales != (1.0,),
                "flip": self.flip,
                "padding": self.pad is not None,
            },
            device=self.device,
        )

    def _computed_size(self, size: Size) -> Size:
        """(height, width) of an image as the network sees it, padded and at the largest scale."""
        height, width = self.pad or size
        return math.ceil(max(self.scales) * height), math.ceil(max(self.scales) * width)

    def _in_tiles(self, array: UInt8[np.ndarray, "h w c"]) -> Result:
        regions = self.regions(ArrayPixels(array), tiling=Tiling())
        labels = joined_labels(regions, (array.shape[0], array.shape[1]), classes=len(self.labels))
        return Result(labels, image=array, space=self.labels)

    def _predict_arrays(self, arrays: Sequence[np.ndarray], *, probabilities: bool) -> list[Result]:
        by_size: dict[Size, list[int]] = {}
        found: dict[int, Result] = {}
        for number, array in enumerate(arrays):
            if math.prod(array.shape[:2]) > WHOLE_PIXELS and self.allows_tiles and not probabilities:
                found[number] = self._in_tiles(array)
            else:
                by_size.setdefault(self.input_size(array), []).append(number)
        for size, numbers in by_size.items():
            length = self.batch_length(size)
            for first in range(0, len(numbers), length):
                some = numbers[first : first + length]
                batch = [arrays[number] for number in some]
                found.update(zip(some, self.predict_batch(batch, probabilities=probabilities), strict=True))
        return [found[number] for number in range(len(arrays))]

    def _labels(self, images: Images) -> Integer[Tensor, "b h w"]:
        height, width = images.shape[-2:]
        if self.scales == (1.0,) and not self.flip:
            placement = self.model.placement((height, width))
            return upsample_argmax(self.model(images), placement)
        return mean_argmax(augmented_logits(self.model, images, scales=self.scales, flip=self.flip))

    def _probabilities(self, images: Images) -> Float32[np.ndarray, "b k h w"]:
        height, width = images.shape[-2:]
        probabilities = np.empty((len(images), len(self.labels), height, width), np.float32)
        for rows, band in probability_bands(self.model, images, scales=self.scales, flip=self.flip):
            probabilities[:, :, rows] = band.cpu().numpy()
        return probabilities


def _ranges(stated: Any) -> Ranges:
    if stated is None:
        return ()
    try:
        return parse_ranges(stated)
    except ValueError as error:
        raise InputError(f"the weights state a picture range that makes no sense: {error}") from error
