"""The papers' operations in float64 numpy, written from their definitions: slow, obvious, and no torch."""

import numpy as np

Array = np.ndarray


def tap_positions(length: int, *, kernel: int, stride: int, rate: int, padding: str) -> Array:
    """[outputs, taps]: where on an axis each tap of each output lies; outside 0..length-1 is padding.

    y[i] = sum_k x[i * stride + k * rate - before] w[k]. "symmetric" centres the filter on i * stride. "same" is
    TensorFlow's rule: ceil(length / stride) outputs, as few zeros as possible, an odd one behind.
    """
    reach = (kernel - 1) * rate
    if padding == "symmetric":
        before = reach // 2
        outputs = (length + 2 * before - reach - 1) // stride + 1
    else:
        outputs = -(-length // stride)
        before = max((outputs - 1) * stride + reach + 1 - length, 0) // 2
    return np.array([[i * stride + k * rate - before for k in range(kernel)] for i in range(outputs)])


def windows(x: Array, *, kernel: int, stride: int, rate: int, padding: str, border: float) -> Array:
    """[b, c, rows, taps, columns, taps]: what each tap of each output sees; `border` outside the map."""
    indices = []
    for length in x.shape[2:]:
        positions = tap_positions(length, kernel=kernel, stride=stride, rate=rate, padding=padding)
        indices.append(np.where((positions >= 0) & (positions < length), positions, length))
    bordered = np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=border)
    rows, columns = indices
    return bordered[:, :, rows[:, :, None, None], columns[None, None]]


def convolve(
    x: Array, weight: Array, *, stride: int = 1, rate: int = 1, groups: int = 1, padding: str = "symmetric"
) -> Array:
    """Atrous convolution of [b, c, h, w] with [k, c / groups, taps, taps]; zeros outside."""
    seen = windows(x, kernel=weight.shape[2], stride=stride, rate=rate, padding=padding, border=0.0)
    results = [
        np.tensordot(part, filters, axes=((1, 3, 5), (1, 2, 3)))
        for part, filters in zip(np.split(seen, groups, axis=1), np.split(weight, groups), strict=True)
    ]
    return np.moveaxis(np.concatenate(results, axis=-1), -1, 1)


def max_pool(x: Array, *, padding: str) -> Array:
    """3x3 with stride 2; nothing outside the map can win."""
    return windows(x, kernel=3, stride=2, rate=1, padding=padding, border=-np.inf).max(axis=(3, 5))


def normalize(x: Array, *, mean: Array, variance: Array, scale: Array, shift: Array, epsilon: float) -> Array:
    """Batch norm with given statistics, one per channel."""
    column = (slice(None), None, None)
    return (x - mean[column]) / np.sqrt(variance[column] + epsilon) * scale[column] + shift[column]


def axis_weights(length: int, target: int, *, align_corners: bool) -> Array:
    """[target, length]: bilinear weights of one axis, row by row from where each target position placement."""
    weights = np.zeros((target, length))
    for i in range(target):
        if align_corners:
            position = i * (length - 1) / (target - 1) if target > 1 else 0.0
        else:
            position = min(max((i + 0.5) * length / target - 0.5, 0.0), length - 1)
        above = min(int(position), length - 1)
        weights[i, above] += 1 - (position - above)
        weights[i, min(above + 1, length - 1)] += position - above
    return weights


def bilinear(x: Array, size: tuple[int, int], *, align_corners: bool) -> Array:
    """Bilinear resizing to a larger or equal size."""
    rows = axis_weights(x.shape[2], size[0], align_corners=align_corners)
    columns = axis_weights(x.shape[3], size[1], align_corners=align_corners)
    return np.einsum("ih,jw,bchw->bcij", rows, columns, x)


def cross_entropy(logits: Array, labels: Array, *, ignore: int, class_weights: Array | None = None) -> float:
    """Weighted -log softmax of each labelled pixel's class, summed, over the number of labelled pixels."""
    total, count = 0.0, 0
    for image, truth in zip(logits, labels, strict=True):
        for row, column in zip(*np.nonzero(truth != ignore), strict=True):
            values, label = image[:, row, column], truth[row, column]
            loss = np.log(np.exp(values - values.max()).sum()) + values.max() - values[label]
            total += loss * (1.0 if class_weights is None else class_weights[label])
            count += 1
    return total / max(count, 1)
