"""A MobileNetV2 DeepLabv3 as the official converters write it, tiny and with random weights.

Written from Table 2 of the MobileNetV2 paper and from the graphs of the official files, not from our model.
"""

from dataclasses import dataclass, field

import numpy as np

from fakes.tflite_writer import Action, Op, Options, TFLiteWriter, conv_options, depthwise_options, resize_options

TABLE_2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def rounded(channels: float, divisor: int) -> int:
    """The official rule: the nearest multiple, not below 90 % of the wish."""
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


@dataclass
class FakeMobileNet:
    """Writes the graph layer by layer.

    Attributes:
        size: Height and width of the image.
        output_stride: Where strides give way to rates.
        width: Depth multiplier.
        divisor: Widths are rounded to its multiples: 1 in DeepLab's files, 8 in ImageNet's.
        space_to_batch: Write atrous convolutions as older converters do.
        swap_concatenation: Join the branches of the head in the wrong order.
        stem_activation: After the first convolution.
        rename: Names to write instead of others.
    """

    size: int = 65
    output_stride: int = 16
    width: float = 0.125
    divisor: int = 1
    classes: int = 5
    space_to_batch: bool = False
    swap_concatenation: bool = False
    stem_activation: int = Action.RELU6
    rename: dict[str, str] = field(default_factory=dict)
    writer: TFLiteWriter = field(default_factory=TFLiteWriter)
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def content(self, **options) -> bytes:
        """The whole DeepLabv3."""
        features, side, channels = self._backbone()
        pooled = self._new("pooled", [1, 1, 1, channels])
        self.writer.operator(Op.AVERAGE_POOL_2D, [features], pooled, kind=Options.Pool2DOptions, options=[
            ("Int8", 1), ("Int32", side), ("Int32", side), ("Int32", side), ("Int32", side), ("Int8", 0),
        ])  # fmt: skip
        image_level = self._convolution("image_pooling", pooled, 1, channels, 6, activation=Action.RELU)
        image_level = self._resized(image_level, side, 6)
        aspp0 = self._convolution("aspp0", features, side, channels, 6, activation=Action.RELU)
        joined = self._new("concat", [1, side, side, 12])
        branches = [aspp0, image_level] if self.swap_concatenation else [image_level, aspp0]
        self.writer.operator(
            Op.CONCATENATION, branches, joined,
            kind=Options.ConcatenationOptions, options=[("Int32", 3), ("Int8", 0)],
        )  # fmt: skip
        projected = self._convolution("concat_projection", joined, side, 12, 7, activation=Action.RELU)
        logits = self._convolution("logits/semantic", projected, side, 7, self.classes)
        return self.writer.content(self._resized(logits, self.size, self.classes), **options)

    def classifier(self) -> bytes:
        """The ImageNet network, whose head DeepLab has no use for."""
        features, side, channels = self._backbone()
        wide = self._convolution("MobilenetV2/Conv_1", features, side, channels, 9, activation=Action.RELU6)
        pooled = self._new("pooled", [1, 1, 1, 9])
        self.writer.operator(Op.AVERAGE_POOL_2D, [wide], pooled, kind=Options.Pool2DOptions, options=[
            ("Int8", 1), ("Int32", side), ("Int32", side), ("Int32", side), ("Int32", side), ("Int8", 0),
        ])  # fmt: skip
        return self.writer.content(self._convolution("MobilenetV2/Logits/Conv2d_1c_1x1", pooled, 1, 9, 4))

    def _backbone(self) -> tuple[int, int, int]:
        image = self._new("image", [1, self.size, self.size, 3])
        channels, side = rounded(32 * self.width, self.divisor), -(-self.size // 2)
        x = self._convolution(
            "MobilenetV2/Conv", image, self.size, 3, channels, kernel=3, stride=2, activation=self.stem_activation
        )
        stride, rate, number = 2, 1, 0
        for expansion, stage_channels, repeats, stage_stride in TABLE_2:
            for repeat in range(repeats):
                scope = "MobilenetV2/expanded_conv" + (f"_{number}" if number else "")
                own_stride, next_rate = (stage_stride if repeat == 0 else 1), rate
                if stride * own_stride > self.output_stride:
                    own_stride, next_rate = 1, rate * own_stride
                stride *= own_stride
                width = rounded(stage_channels * self.width, self.divisor)
                wide, y = channels, x
                if expansion > 1:
                    wide = rounded(channels * expansion, 8)
                    y = self._convolution(f"{scope}/expand", x, side, channels, wide, activation=Action.RELU6)
                y = self._depthwise(f"{scope}/depthwise", y, side, wide, stride=own_stride, rate=rate)
                side = -(-side // own_stride)
                y = self._convolution(f"{scope}/project", y, side, wide, width)
                if repeat > 0:
                    added = self._new(f"{scope}/add", [1, side, side, width])
                    y = self.writer.operator(Op.ADD, [y, x], added, kind=Options.AddOptions, options=[("Int8", 0)])
                x, channels, rate, number = y, width, next_rate, number + 1
        return x, side, channels

    def _convolution(self, name, x, side, channels, width, *, kernel=1, stride=1, activation=Action.NONE) -> int:
        weights = self.generator.normal(0, (2 / (channels * kernel**2)) ** 0.5, (width, kernel, kernel, channels))
        inputs = [x, self._constant(f"{name}/weights", weights), self._bias(name, width)]
        output = self._new(f"{name}/out", [1, -(-side // stride), -(-side // stride), width])
        options = conv_options(stride=stride, activation=activation)
        return self.writer.operator(Op.CONV_2D, inputs, output, kind=Options.Conv2DOptions, options=options)

    def _depthwise(self, name, x, side, width, *, stride, rate) -> int:
        weights = self._constant(f"{name}/weights", self.generator.normal(0, 0.4, (1, 3, 3, width)))
        bias = self._bias(name, width)
        if rate == 1 or not self.space_to_batch:
            output = self._new(f"{name}/out", [1, -(-side // stride), -(-side // stride), width])
            options = depthwise_options(stride=stride, rate=rate, activation=Action.RELU6)
            return self._depthwise_operator([x, weights, bias], output, options)
        # SAME padding is `rate` on each side; behind it, zeros up to a multiple of the block.
        block, sub = np.array([rate, rate], "i4"), -(-(side + 2 * rate) // rate)
        surplus = sub * rate - side - 2 * rate
        pads, crops = np.array([[rate, rate + surplus]] * 2, "i4"), np.array([[0, surplus]] * 2, "i4")
        apart = self._new(f"{name}/apart", [rate**2, sub, sub, width])
        x = self.writer.operator(
            Op.SPACE_TO_BATCH_ND, [x, self._constant("b", block), self._constant("p", pads)], apart
        )
        filtered = self._new(f"{name}/filtered", [rate**2, sub - 2, sub - 2, width])
        options = depthwise_options(activation=Action.RELU6, padding=1)
        x = self._depthwise_operator([x, weights, bias], filtered, options)
        output = self._new(f"{name}/out", [1, side, side, width])
        inputs = [x, self._constant("block", block), self._constant("crops", crops)]
        return self.writer.operator(Op.BATCH_TO_SPACE_ND, inputs, output)

    def _depthwise_operator(self, inputs, output, options) -> int:
        kind = Options.DepthwiseConv2DOptions
        return self.writer.operator(Op.DEPTHWISE_CONV_2D, inputs, output, kind=kind, options=options)

    def _resized(self, x, side, channels) -> int:
        output = self._new("resized", [1, side, side, channels])
        inputs = [x, self._constant("size", np.array([side, side], "i4"))]
        return self.writer.operator(
            Op.RESIZE_BILINEAR, inputs, output, kind=Options.ResizeBilinearOptions, options=resize_options()
        )

    def _bias(self, name, width) -> int:
        return self._constant(f"{name}/bias", self.generator.normal(0, 0.3, width))

    def _constant(self, name, values) -> int:
        for old, new in self.rename.items():
            name = name.replace(old, new)
        values = values.astype("f4") if values.dtype.kind == "f" else values
        return self.writer.tensor(name, values.shape, values=values)

    def _new(self, name, shape) -> int:
        return self.writer.tensor(name, shape)
