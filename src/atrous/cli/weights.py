"""`atrous weights`: lists weights by name; `weights add FILE` and `weights push ARCHIVE USER/NAME`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from atrous.cli.options import parse
from atrous.plain import to_plain
from atrous.weights import hub
from atrous.weights.adopt import adopt
from atrous.weights.cache import cache_folder, converted_file
from atrous.weights.download import cached_file, packaged_file, recorded_sha256
from atrous.weights.entry import MEBIBYTE, Entry
from atrous.weights.manifest import MANIFEST


@dataclass(frozen=True)
class ListOptions:
    """List the weights that can be given by name: size, published results, licence, and if they are in the cache.

    Every verb that takes weights takes such a name. The file is downloaded on first use, converted once, and kept below
    ATROUS_HOME; an address in ATROUS_MIRROR is tried first. See also `atrous weights add --help` (files that
    you already have) and `atrous weights push --help` (an archive to a Hugging Face hub).

    Example: atrous weights --match cityscapes
    """

    match: str = ""
    """List only names that contain this text."""
    cached: bool = False
    """List only weights in the cache."""
    json: bool = False
    """Print one JSON list with all details."""


@dataclass(frozen=True)
class AddOptions:
    """Put a file that you already have into the cache, as if it had been downloaded.

    Example: atrous weights add Downloads/deeplabv3_mnv2_pascal_train_aug_2018_01_29.tar.gz
    """

    file: tyro.conf.Positional[Path]
    """The publisher's file, not unpacked; recognised by its digest, else by its name."""
    name: str | None = None
    """Name in `atrous weights`, for a renamed file with an unknown digest."""


@dataclass(frozen=True)
class PushOptions:
    """Upload an archive to a Hugging Face hub, with a model card written from the archive's metadata.

    Log in first (`hf auth login`, or HF_TOKEN); HF_ENDPOINT names another hub. Needs pip install 'atrous[hub]'.

    Example: atrous weights push runs/street/best.safetensors ada/streets
    """

    archive: tyro.conf.Positional[Path]
    """An archive of atrous, or a run folder; other files become an archive by `atrous convert`."""
    repository: tyro.conf.Positional[str]
    """USER/NAME; created if missing."""
    private: bool = False
    """Create a private repository."""


def main(arguments: Sequence[str]) -> int:
    """List, add or push; returns the exit status."""
    action, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    if action == "add":
        _add(parse(AddOptions, rest, verb="weights add"))
    elif action == "push":
        _push(parse(PushOptions, rest, verb="weights push"))
    else:
        _list(parse(ListOptions, arguments, verb="weights"))
    return 0


def _list(options: ListOptions) -> None:
    entries = [entry for name, entry in MANIFEST.items() if options.match in name]
    if options.cached:
        entries = [entry for entry in entries if _cached(entry)]
    if options.json:
        print(json.dumps([{**to_plain(entry), "cached": _cached(entry)} for entry in entries]))
        return
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for entry in entries:
        here = f", here: {' and '.join(_cached(entry))}" if _cached(entry) else ""
        size = "" if entry.about is None else f"  {entry.about / MEBIBYTE:.1f} MiB"
        console.print(f"{entry.name}{size}{here}", style="bold" if here else None)
        console.print(f"    {entry.source}; trained on {entry.data}")
        console.print(f"    {entry.licence}")
        for row in entry.published:
            console.print(f"    {row.metric} {row.value:g} on {row.on} ({row.protocol})")
        if entry.refused:
            console.print(f"    cannot be read: {entry.refused}")
    console.print(f"cache    {cache_folder()}")


def _add(options: AddOptions) -> None:
    entry = adopt(options.file, name=options.name)
    print(f"name     {entry.name}")
    print(f"file     {cached_file(entry)}")
    print(f"sha256   {recorded_sha256(entry)}")
    print(f"licence  {entry.licence}")


def _push(options: PushOptions) -> None:
    print(f"address  {hub.push(options.archive, options.repository, private=options.private)}")


def _cached(entry: Entry) -> list[str]:
    """List the parts of an entry that are in the cache, or in an installed package."""
    sha256 = recorded_sha256(entry)
    file = cached_file(entry).is_file() or packaged_file(entry) is not None
    parts = {"file": file, "converted": bool(sha256) and converted_file(sha256).is_file()}
    return [part for part, there in parts.items() if there]
