"""Tiny models, pictures and limits of the tests of the service."""

import io
import threading
import time
from contextlib import contextmanager

import numpy as np
import torch
import uvicorn
from PIL import Image

from atrous.labels import LabelSpace
from atrous.model.presets import deeplabv3plus_mobilenet_v2
from atrous.serving.service import Limits
from atrous.weights.archive import Archive

SPACE = LabelSpace(("ground", "<b>sky</b>", "tower", "water", "tree"))
LIMITS = Limits(queue=8, deadline=20.0, max_bytes=200_000, max_pixels=90_000, memory=2**26, decoders=1)


def tiny_archive(seed):
    """Random weights, with a bias under which each class wins somewhere."""
    torch.manual_seed(seed)
    model = deeplabv3plus_mobilenet_v2(classes=len(SPACE)).eval()
    with torch.no_grad():
        logits = model(torch.as_tensor(picture(120, 160, seed=3)).permute(2, 0, 1)[None])
        deviation = logits.std(dim=(0, 2, 3))
        model.classifier.weight /= deviation[:, None, None, None] / 3
        model.classifier.bias.copy_(-logits.mean(dim=(0, 2, 3)) * 3 / deviation)
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


@contextmanager
def served(app):
    """Serve an application on a free port, in a thread; yields its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
