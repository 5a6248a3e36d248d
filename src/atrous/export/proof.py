"""Comparison of an exported file with the float32 model that it was made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from atrous.errors import InputError
from atrous.export.gate import DECIDED, Gate
from atrous.export.int8 import CalibrationShift
from atrous.export.scores import Scores
from atrous.inference.engines.engine import Engine, Outputs
from atrous.inference.precision import generated_images
from atrous.inference.torch_settings import inference_context
from atrous.model.deeplab import DeepLab
from atrous.report.tables import Table
from atrous.sizes import Size, size_text

SIZES: tuple[tuple[str, Size, int], ...] = (
    ("odd", (129, 161), 1),
    ("even", (128, 96), 2),
    ("tiny", (3, 2), 1),
    ("one pixel", (1, 1), 2),
    ("wide", (65, 400), 1),
    ("large", (513, 513), 1),
)
"""Name, (height, width) and batch of the generated images on which every export is compared."""

LARGEST_LEAST_SIDE = 64
"""Side in pixels that every network takes."""

OnProgress = Callable[[int, int], None]
"""Called with (comparisons done, in all)."""


@dataclass(frozen=True)
class Comparison:
    """Agreement on images of one size.

    Attributes:
        name: Kind of the images.
        size: (height, width) in pixels.
        batch: Number of images that were computed together.
        pixels: Number of pixels.
        equal: Number of pixels with equal labels.
        unequal_decided: Number of pixels with other labels although the two largest logits of the model differ by more
            than `DECIDED` deviations.
        logit_error: Largest absolute difference of logits, relative to the deviation of the model's logits; None where
            the engine gives no logits.
        counts: True if the gate looks at these images.
    """

    name: str
    size: Size
    batch: int
    pixels: int
    equal: int
    unequal_decided: int
    logit_error: float | None
    counts: bool = True


@dataclass(frozen=True)
class Proof:
    """Comparisons of an exported file with its model, and the gate that they have to meet.

    Attributes:
        comparisons: One for each kind of images.
        gate: The gate.
        engine: Name of the engine that computed the file.
        scores: Mean IoU of file and model on labelled data; None where none was given.
        shift: Pixel values of the calibration pictures beside those that the weights expect; None without 8 bits.
    """

    comparisons: tuple[Comparison, ...]
    gate: Gate
    engine: str
    scores: Scores | None = None
    shift: CalibrationShift | None = None

    @property
    def equal_share(self) -> float:
        """Share of equal pixels over all images that the gate looks at."""
        return sum(one.equal for one in self._counted) / max(sum(one.pixels for one in self._counted), 1)

    @property
    def _counted(self) -> list[Comparison]:
        return [one for one in self.comparisons if one.counts]

    @property
    def passed(self) -> bool:
        """True if the gate is met and, where there is labelled data, not too much mean IoU is lost."""
        decided = sum(one.unequal_decided for one in self._counted)
        agrees = self.gate.passes(equal_share=self.equal_share, unequal_decided=decided)
        return agrees and (self.scores is None or self.scores.passed)

    def summary(self) -> str:
        """Return the agreement over all images that the gate looks at in one line."""
        pixels = sum(one.pixels for one in self._counted)
        decided = sum(one.unequal_decided for one in self._counted)
        return f"{self.equal_share:.4%} of {pixels:,} pixels equal, {decided:,} decided ones differ"

    def table(self) -> Table:
        """Return the comparisons as a table."""
        return Table(
            columns=("images", "size", "batch", "pixels", "equal", "unequal, decided", "largest logit error"),
            rows=tuple(
                (
                    one.name,
                    size_text(one.size),
                    one.batch,
                    one.pixels,
                    one.equal / one.pixels,
                    one.unequal_decided,
                    one.logit_error,
                )
                for one in self.comparisons
            ),
            formats=("", "", "", "", ".4%", "", ".1e"),
        )


def prove(
    model: DeepLab,
    engine: Engine,
    *,
    gate: Gate,
    logits: Engine | None,
    sizes: Sequence[tuple[str, Size, int]] | None = None,
    pictures: Sequence[UInt8[np.ndarray, "_ _ c"]] = (),
    only_pictures: bool = False,
    on_progress: OnProgress | None = None,
) -> Proof:
    """Compare an exported file with its model on generated images of several sizes, and on images of the user.

    Args:
        model: The model in float32 and eval mode, on the CPU.
        engine: The exported file.
        gate: Condition that the file has to meet.
        logits: The same graph with logits as its output, where the engine can give them.
        sizes: Name, size and batch of the generated images; None is `SIZES`.
        pictures: Images of the user.
        only_pictures: If true, the gate looks at the images of the user alone.
        on_progress: Called after every comparison.
    """
    comparisons = list[Comparison]()
    sizes = SIZES if sizes is None else sizes

    def add(comparison: Comparison) -> None:
        comparisons.append(comparison)
        if on_progress is not None:
            on_progress(len(comparisons), len(sizes) + len(pictures))

    for name, size, batch in sizes:
        comparison = _compare_generated(model, engine, size=size, batch=batch, name=name, logits=logits)
        add(replace(comparison, counts=not only_pictures))
    for number, picture in enumerate(pictures, start=1):
        images = torch.as_tensor(picture).permute(2, 0, 1)[None]
        add(compare(model, engine, images, name=f"picture {number}", logits=logits))
    return Proof(tuple(comparisons), gate, engine.name)


def _compare_generated(
    model: DeepLab, engine: Engine, *, size: Size, batch: int, name: str, logits: Engine | None
) -> Comparison:
    """Compare on generated images, doubled until the network takes them: some need a patch or the window of a blur."""
    while True:
        images = generated_images(model.config.in_channels, size=size, number=batch)
        try:
            return compare(model, engine, images, name=name, logits=logits)
        except InputError:
            if min(size) >= LARGEST_LEAST_SIDE:
                raise
            size = (2 * size[0], 2 * size[1])


def compare(
    model: DeepLab, engine: Engine, images: UInt8[Tensor, "b c h w"], *, name: str, logits: Engine | None
) -> Comparison:
    """Compare labels, and logits where an engine gives them, on a batch of images."""
    arrays = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())
    with inference_context(torch.device("cpu")):
        expected = model.logits(images).float().numpy()
    deviation = max(float(expected.std()), float(np.finfo(np.float32).tiny))
    labels = expected.argmax(axis=1)
    output = engine(arrays)
    unequal = labels_of(output) != labels
    error = None
    if logits is not None:
        found = output if engine.description.output == "logits" else logits(arrays)
        error = float(np.abs(found - expected).max()) / deviation
    return Comparison(
        name,
        size=(images.shape[-2], images.shape[-1]),
        batch=len(images),
        pixels=labels.size,
        equal=int(labels.size - unequal.sum()),
        unequal_decided=int((unequal & (_margins(expected) > DECIDED * deviation)).sum()),
        logit_error=error,
    )


def labels_of(output: Outputs) -> np.ndarray:
    """Return the class ids `[b, h, w]` of an engine's output."""
    return output if output.ndim == 3 else output.argmax(axis=1)


def _margins(logits: Float32[np.ndarray, "b k h w"]) -> Float32[np.ndarray, "b h w"]:
    """Difference of the two largest logits; infinite where there is one class alone."""
    if logits.shape[1] < 2:
        return np.full(logits[:, 0].shape, np.inf, np.float32)
    second, first = np.partition(logits, -2, axis=1)[:, -2:].swapaxes(0, 1)
    return first - second
