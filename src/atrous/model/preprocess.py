"""Preprocessing inside the model: scaling of pixel values, and padding to a size that the network resolves evenly."""

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from atrous.errors import InputError
from atrous.model.conventions import Conventions
from atrous.model.stride_plan import padded_size
from atrous.ops.dtypes import interpolation_dtype
from atrous.sizes import Size

NORMALISED = 4.0
"""Largest absolute value that images scaled by mean and standard deviation have; those of 0..1 are below it, too."""

_TO_THE_CALLER = 8
"""Frames from the warning to the line that called the model: three for each module, and two functions here."""


class Preprocess(nn.Module):
    """Normalisation and padding as part of the model, so that no caller can forget them.

    The first images, if they are floats within -4..4, give a warning: they have been normalised before, and the network
    would answer the same class everywhere.

    Args:
        conventions: Input mean and standard deviation, the rule for sizes (`fit`), and the content of the padding.
        in_channels: Channels of the image.

    Attributes:
        range_checked: True once the values of the first images have been looked at, or are not to be.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, conventions: Conventions, *, in_channels: int) -> None:
        super().__init__()
        # A model that does not scale takes images of any range.
        self.range_checked = conventions.input_scaling(1) == ((0.0,), (1.0,))
        self.fits = conventions.fit == "os*k+1"
        self.mirrors = conventions.image_padding == "mirror"
        self._constants = dict(zip(("mean", "std"), conventions.input_scaling(in_channels), strict=True))
        for name, values in self._constants.items():
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Preprocess":  # noqa: FBT001, FBT002
        """Convert as all modules are; in double precision the constants are not those that were rounded to single."""
        super()._apply(fn, recurse)  # pyright: ignore[reportUnknownMemberType]
        for name, values in self._constants.items():
            buffer = getattr(self, name)
            setattr(self, name, torch.tensor(values, dtype=buffer.dtype, device=buffer.device).view(1, -1, 1, 1))
        return self

    def padded_size(self, size: Size, *, output_stride: int) -> Size:
        """Size that the network works on for an image of this size (height, width)."""
        return padded_size(size, output_stride=output_stride) if self.fits else size

    def pad_with_mean(
        self, images: UInt8[Tensor, "b c h w"] | Float[Tensor, "b c h w"], *, size: Size
    ) -> Float[Tensor, "b c H W"]:
        """Put images 0..255 at the top left of larger ones of the mean pixel, which is zero to every layer.

        Unlike the padding of `forward` it is part of the image: upsampling and scaling see it, too.
        """
        height, width = images.shape[-2:]
        mean = self.mean.to(interpolation_dtype(self.mean.dtype))
        padded = mean.expand(len(images), -1, *size).clone(memory_format=torch.channels_last)
        padded[..., :height, :width] = images
        return padded

    def forward(
        self, images: UInt8[Tensor, "b c h w"] | Float[Tensor, "b c h w"], *, output_stride: int
    ) -> Float[Tensor, "b c H W"]:
        """Scale pixel values 0..255, then pad below and right where the size is to fit: zeros, or the image mirrored.

        Raises:
            InputError: If the images are no batch, or have another number of channels (one would be broadcast to three
                unnoticed).
        """
        if not isinstance(images, Tensor) or images.ndim != 4:  # pyright: ignore[reportUnnecessaryIsInstance]
            shape = f"{type(images).__name__} of shape {tuple(images.shape)}" if hasattr(images, "shape") else images
            raise InputError(
                f"{shape!s:.80} for a model that takes tensors [batch, channels, height, width]; one image is "
                "image[None], an array torch.from_numpy(array).permute(2, 0, 1)[None]"
            )
        if images.shape[1] != self.mean.shape[1]:
            raise InputError(
                f"images of {images.shape[1]} channels for a model that takes {self.mean.shape[1]}; "
                "convert the images or build the model with their in_channels"
            )
        if not self.range_checked and not _is_recording(images):
            self.range_checked = True
            _warn_of_normalised(images)
        scaled = (images.to(self.mean.dtype) - self.mean) / self.std
        height, width = images.shape[-2:]
        padded_height, padded_width = self.padded_size((height, width), output_stride=output_stride)
        if self.mirrors:
            rows = _mirrored(height, padded_height, device=images.device)
            columns = _mirrored(width, padded_width, device=images.device)
            return scaled.index_select(2, rows).index_select(3, columns)
        return F.pad(scaled, (0, padded_width - width, 0, padded_height - height))


def _mirrored(length: int, padded: int, *, device: torch.device) -> Tensor:
    """Source of each of `padded` rows: beyond the last, those before it backwards; the first where none are left."""
    index = torch.arange(padded, device=device)
    return torch.where(index < length, index, (2 * length - 2 - index).clamp(min=0))


def _is_recording(images: Tensor) -> bool:
    """Return True while operations are recorded instead of computed, so that no value can be looked at."""
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
        or type(images) is not Tensor  # FakeTensor and the like
        or images.is_meta
        or (images.is_cuda and torch.cuda.is_current_stream_capturing())
    )


def _warn_of_normalised(images: Tensor) -> None:
    if not images.is_floating_point() or not images.numel():
        return
    try:
        largest = float(images.detach().abs().amax())
    except RuntimeError:  # inside `torch.func.vmap` or `make_fx`, where no value can be read
        return
    if 0 < largest <= NORMALISED:  # zeros are a trial run
        warnings.warn(
            f"the images are floats within -{NORMALISED:g}..{NORMALISED:g}, but the model takes 0..255 and normalises "
            "by itself; multiply images of 0..1 by 255, and leave out the division by mean and standard deviation",
            stacklevel=_TO_THE_CALLER,
        )
