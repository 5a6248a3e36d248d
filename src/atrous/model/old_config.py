"""Configurations of models as older versions wrote them: the only place that knows their names."""

from typing import Any, cast

_MOVED = {
    "backbone": ("low_level", "middle_level", "unstrided_rate", "padded"),
    "head": ("pool_window",),
    "conventions": ("between_separable",),
}
"""Fields that stood in these groups, and stand in `compatibility` now."""

_INSIDE = ("depthwise", "residual")
"""Names that `low_level` "inside" had for a MobileNetV2 and for a ResNet."""


def upgraded_config(config: Any) -> Any:
    """Configuration of a model in today's names, from the JSON value of an archive of format 1, or a run folder of 0.

    Args:
        config: What a JSON reader returned, not changed. Today's names stay. Anything that is no object is returned as
            it is, so that the reader of configurations (`atrous.plain.from_plain`) refuses it in its own words.
    """
    if not isinstance(config, dict):
        return config
    upgraded = dict(cast(dict[str, Any], config))
    if "aspp" in upgraded:
        upgraded["head"] = upgraded.pop("aspp")
    details: dict[str, Any] = dict(upgraded["compatibility"]) if isinstance(upgraded.get("compatibility"), dict) else {}
    for group, names in _MOVED.items():
        fields = upgraded.get(group)
        if isinstance(fields, dict):
            fields = cast(dict[str, Any], fields)
            details |= {name: fields[name] for name in names if name in fields}
            upgraded[group] = {name: value for name, value in fields.items() if name not in names}
    if details.get("low_level") in _INSIDE:
        details["low_level"] = "inside"
    return {**upgraded, "compatibility": details}
