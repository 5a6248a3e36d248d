"""Boundaries that a coarse map can hold: the reason for the decoder (DeepLabv3+, section 4.4, Figure 5)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import UInt8

from atrous.evaluation.boundaries import WIDTHS, trimap
from atrous.evaluation.metrics import overlap_miou
from atrous.papers.figures.drawing import save_figure
from atrous.report.plots import COLORS, drawing

STRIDES = (4, 8, 16, 32)

Labels = UInt8[np.ndarray, "h w"]
Picture = UInt8[np.ndarray, "h w 3"]


def best_map(labels: Labels, *, stride: int, classes: int) -> Labels:
    """Labels after a perfect map of one position per `stride` pixels, upsampled bilinearly as the logits are.

    Every position holds the share of each class around it, the most that a network without decoder can know.
    """
    height, width = labels.shape
    shares = F.one_hot(torch.from_numpy(labels).long(), classes).permute(2, 0, 1)[None].float()
    coarse = (height - 1) // stride + 1, (width - 1) // stride + 1
    small = F.interpolate(shares, size=coarse, mode="bilinear", align_corners=True, antialias=True)
    whole = F.interpolate(small, size=(height, width), mode="bilinear", align_corners=True)
    return whole[0].argmax(0).numpy().astype(np.uint8)


def band_curve(masks: Sequence[Labels], *, stride: int, classes: int) -> list[float]:
    """Mean IoU (0..1) of the best maps inside the band of each of `WIDTHS` pixels around boundaries."""
    overlaps = sum(
        trimap(best_map(labels, stride=stride, classes=classes), labels, classes=classes, ignore=255).overlaps
        for labels in masks
    )
    return overlap_miou(np.asarray(overlaps)).tolist()


def draw_boundaries(out: Path, *, picture: Picture, masks: Sequence[Labels], palette: Sequence[Sequence[int]]) -> Path:
    """Draw a mask as maps of several strides hold it, and the curve near boundaries; returns the file.

    Args:
        out: Folder of the figure.
        picture: Picture of the first mask.
        masks: Class ids.
        palette: RGB colour of each class.
    """
    colors = np.array(palette, np.uint8)
    truth, classes = masks[0], len(palette)
    shown = {"picture": picture, "truth": colors[truth]}
    shown |= {f"map of stride {s}": colors[best_map(truth, stride=s, classes=classes)] for s in (4, 16)}
    with drawing(width=9, height=5) as figure:
        pictures, curve = figure.subfigures(2, 1, height_ratios=(1, 1.7), squeeze=False).ravel()
        for number, (name, image) in enumerate(shown.items(), start=1):
            axes = pictures.add_subplot(1, len(shown), number)
            axes.imshow(image)
            axes.set_title(name)
            axes.axis("off")
        axes = curve.add_subplot()
        for stride, color in zip(STRIDES, COLORS, strict=False):
            values = [100 * value for value in band_curve(masks, stride=stride, classes=classes)]
            axes.plot(WIDTHS, values, color=color, marker="o", markersize=3, label=f"stride {stride}")
        axes.set_xscale("log", base=2)
        axes.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
        axes.set_xlabel("width of the band around boundaries, pixels")
        axes.set_ylabel("mIoU in the band, %")
        axes.set_title(f"the best that a map of a stride can hold, {len(masks)} generated scenes")
        axes.grid(alpha=0.15)
        axes.legend(frameon=False)
        return save_figure(figure, out / "boundaries.png")
