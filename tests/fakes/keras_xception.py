"""Names of the Keras port's layers on Xception-65."""

from collections.abc import Iterator


def xception_names() -> Iterator[str]:
    """Convolutions but for the logits, as the port's functions put their names together."""
    yield from ("entry_flow_conv1_1", "entry_flow_conv1_2")
    blocks = [f"entry_flow_block{number}" for number in (1, 2, 3)]
    blocks += [f"middle_flow_unit_{number}" for number in range(1, 17)]
    blocks += [f"exit_flow_block{number}" for number in (1, 2)]
    separable = [f"{block}_separable_conv{number}" for block in blocks for number in (1, 2, 3)]
    separable += ["aspp1", "aspp2", "aspp3", "decoder_conv0", "decoder_conv1"]
    yield from (f"{layer}_{part}" for layer in separable for part in ("depthwise", "pointwise"))
    yield from (f"{block}_shortcut" for block in (*blocks[:3], "exit_flow_block1"))
    yield from ("image_pooling", "aspp0", "concat_projection", "feature_projection0")
