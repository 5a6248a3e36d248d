"""A fingerprint of what a picture looks like: a few bytes, enough to find it again after resizing or compression.

The difference hash: a picture of 9x9 greys, and for each of 64 places whether the right neighbour is lighter, and
whether the lower one is. Brightness, contrast, size and compression hardly change it.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8, UInt64
from PIL import Image

from atrous.report.pictures import visible


@dataclass(frozen=True)
class PerceptualHash:
    """A fingerprint.

    Attributes:
        digest: Hash of the pixels, equal where pictures are equal.
        bits: The difference hash, 128 bits.
        colors: The picture, 8x8.
    """

    digest: bytes
    bits: UInt64[np.ndarray, "2"]
    colors: UInt8[np.ndarray, "8 8 3"]


def perceptual_hash(image: UInt8[np.ndarray, "h w c"]) -> PerceptualHash:
    """The fingerprint of a picture of any number of channels."""
    picture = Image.fromarray(np.ascontiguousarray(visible(image)))
    greys = np.array(picture.resize((9, 9), Image.Resampling.BOX).convert("L"))
    lighter = np.stack([greys[:8, 1:] > greys[:8, :8], greys[1:, :8] > greys[:8, :8]])
    return PerceptualHash(
        digest=hashlib.blake2b(
            np.ascontiguousarray(image).data, digest_size=16, key=str(image.shape).encode()
        ).digest(),
        bits=np.packbits(lighter.reshape(2, 64), axis=1).view(np.uint64)[:, 0],
        colors=np.array(picture.resize((8, 8), Image.Resampling.BOX)),
    )
