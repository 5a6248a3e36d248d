"""What logits at output stride 2 cost (`--fine-channels 48`): a prediction and a training step, with and without them.

    python benchmarks/fine_channels.py [--rounds 9] [--preset deeplabv3plus_efficientnet_lite0]

The two networks take turns in one process of one thread; processor time, medians. A prediction is one picture of
385x513 to its label map; a training step is four crops of 209x273 in bfloat16: loss, gradients and update.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from timing import in_turns

from atrous import Predictor
from atrous.model.build import build
from atrous.model.deeplab import DeepLab
from atrous.model.presets import preset
from atrous.ops import upsample_cross_entropy

CLASSES = 11


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--preset", default="deeplabv3plus_efficientnet_lite0")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {options.preset}, one thread, load {os.getloadavg()[0]:.1f}\n")
    print("| | output stride 4 | output stride 2 | ratio |\n|---|---|---|---|")
    for name, contender in (("prediction", prediction), ("training step", training_step)):
        calls = {str(fine): contender(network(options.preset, fine_channels=fine)) for fine in (None, 48)}
        seconds = in_turns(calls, rounds=options.rounds, clock=time.process_time)
        without, with_fine = seconds["None"], seconds["48"]
        print(
            f"| {name} | {1000 * without:.0f} ms | {1000 * with_fine:.0f} ms | {with_fine / without:.2f} |", flush=True
        )


def network(name: str, *, fine_channels: int | None) -> DeepLab:
    """A network of random weights; times do not depend on them."""
    config = preset(name)
    assert config.decoder is not None
    decoder = replace(config.decoder, fine_channels=fine_channels)
    return build(replace(config, classes=CLASSES, decoder=decoder))


def prediction(model: DeepLab) -> Callable[[], object]:
    """Predicts one picture."""
    picture = np.random.default_rng(0).integers(0, 256, (385, 513, 3), dtype=np.uint8)
    return partial(Predictor(model.eval()), picture)


def training_step(model: DeepLab) -> Callable[[], object]:
    """Loss, gradients and update."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    images = torch.randint(256, (4, 3, 209, 273), dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (4, 209, 273), dtype=torch.uint8)
    placement = model.placement((209, 273))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(images)
        upsample_cross_entropy(logits, labels, placement).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
