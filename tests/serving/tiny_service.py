"""Tiny models, pictures and limits of the tests of the service."""

import io

import numpy as np
import torch
from PIL import Image

from atrous.labels import LabelSpace
from atrous.model.presets import deeplabv3plus_mobilenet_v2
from atrous.serving.service import Limits
from atrous.weights.archive import Archive

SPACE = LabelSpace(("ground", "<b>sky</b>", "tower", "water", "tree"))
LIMITS = Limits(queue=8, deadline=20.0, max_bytes=200_000, max_pixels=90_000, memory=2**26, decoders=1)


def tiny_archive(seed):
    torch.manual_seed(seed)
    model = deeplabv3plus_mobilenet_v2(classes=len(SPACE)).eval()
    with torch.no_grad():
        model.classifier.weight.mul_(20)  # several classes in every picture
    return Archive(model, SPACE, {"licence": "Apache-2.0"}, f"{seed:064x}")


def picture(height=40, width=56, *, seed=0):
    """A smooth random picture: blobs of a few pixels."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8))
    return np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))


def encoded_as(array, form="PNG", **settings):
    file = io.BytesIO()
    Image.fromarray(array).save(file, format=form, **settings)
    return file.getvalue()
