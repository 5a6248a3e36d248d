"""Settings by flat name: every field of a recipe's nested configuration, as options and keyword arguments name it."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from atrous.errors import InputError, did_you_mean

T = TypeVar("T")


def flat_settings(config: Any) -> dict[str, Any]:
    """All fields of a dataclass and of the dataclasses in it, by name."""
    return dict(_walk(config))


def with_settings(config: T, settings: Mapping[str, Any]) -> T:
    """Return `config` with other values of some fields, however deep they are; names that it lacks are ignored.

    Raises:
        InputError: If a value is refused.
    """
    changes: dict[str, Any] = {}
    for field in fields(config):  # pyright: ignore[reportArgumentType]
        value = getattr(config, field.name)
        if is_dataclass(value) and not isinstance(value, type):
            changed = settings[field.name] if is_dataclass(settings.get(field.name)) else with_settings(value, settings)
            if changed != value:
                changes[field.name] = changed
        elif field.name in settings:
            given = settings[field.name]
            changes[field.name] = tuple(given) if isinstance(given, list) else given
    try:
        return replace(config, **changes) if changes else config  # pyright: ignore[reportArgumentType]
    except TypeError as error:
        raise InputError(
            f"settings {', '.join(changes)}: {error}; give values of the same kind as the defaults"
        ) from error


OTHER_NAMES: Mapping[str, str] = {
    "lr": "learning_rate",
    "batch": "batch_size",
    "imgsz": "crop",
    "crop_size": "crop",
    "steps": "iterations",
    "max_steps": "iterations",
    "wd": "weight_decay",
    "amp": "precision",
    "num_workers": "workers",
}
"""Settings as other libraries name them, and ours."""

ARGUMENTS: Mapping[str, str] = {
    **dict.fromkeys(("val", "valid", "val_data", "val_dataset", "eval_dataset", "validation_data"), "validation"),
    **dict.fromkeys(("loss_fn", "loss_function", "criterion", "compute_loss"), "loss"),
    "callbacks": "observers",
    "observer": "observers",
}
"""Arguments of `atrous.train` that are no settings, as other libraries name them, and ours."""


_REPLACES: Mapping[str, tuple[str, Any]] = {
    "class_weights": ("class_balance", 0.0),
    "weights": ("backbone_weights", None),
    "middle_level_channels": ("fine_channels", None),
}
"""Settings that take the place of another one of a recipe: that one, and its value where it is not used."""


def replaced_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a recipe that the given ones replace, with the value that switches each off.

    A file of class weights replaces the class balance, a whole network's weights those of the backbone, a decoder over
    the middle level the one at output stride 2. A setting that is given itself is not among them.
    """
    return {name: unused for by, (name, unused) in _REPLACES.items() if given.get(by) and name not in given}


def check_names(settings: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse settings that do not exist.

    Raises:
        InputError: With the most similar name.
    """
    for name in settings:
        if name not in known:
            meant = OTHER_NAMES.get(name)
            if meant not in known:
                meant = ARGUMENTS.get(name)
            hint = f"write {meant}=" if meant else did_you_mean(name, known)
            raise InputError(f"unknown setting {name!r}; {hint}")


def _walk(config: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value) and not isinstance(value, type):
            yield from _walk(value)
        else:
            yield field.name, value
