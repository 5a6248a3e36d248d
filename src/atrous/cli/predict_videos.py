"""`atrous predict` of video files: which they are, where their overlays go, and what became of each."""

import glob
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from atrous.cli.console import console
from atrous.data.formats.image_names import image_names, natural_key
from atrous.errors import InputError, OutputError
from atrous.extras import require
from atrous.inference.output_files import output_names
from atrous.inference.video import WrittenVideo
from atrous.report.wording import class_line, one_line
from atrous.sizes import size_text

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")

SOME_FAILED = 1


def video_files(inputs: Sequence[str]) -> list[Path]:
    """List the videos among the inputs, each once and in natural order; none where all inputs are pictures.

    Patterns give the videos that they match, folders without pictures the videos directly in them.

    Raises:
        InputError: If there are videos beside pictures.
    """
    found, others = list[Path](), list[str]()
    for name in inputs:
        videos = _videos_of(name)
        found += videos
        others += [] if videos else [name]
    if found and others:
        raise InputError("videos and pictures are predicted apart; give the inputs in two commands")
    return sorted({os.path.realpath(video): video for video in found}.values(), key=natural_key)


def plan_videos(videos: Sequence[Path], *, out: Path) -> dict[Path, Path]:
    """Return the output of each video, `OUT/NAME_overlay.mp4`; same names keep their folders, as those of pictures do.

    Raises:
        InputError: If an output would replace one of the videos.
    """
    names = output_names([os.path.abspath(video) for video in videos])
    plan = {video: out / f"{name}_overlay.mp4" for video, name in zip(videos, names, strict=True)}
    sources = {os.path.realpath(video).lower() for video in videos}
    for output in plan.values():
        if os.path.realpath(output).lower() in sources:
            raise InputError(f"{output} is one of the videos and would be replaced; choose another output folder")
    return plan


def predict_videos(plan: dict[Path, Path], predict: Callable[[Path, Path], WrittenVideo], *, skip_done: bool) -> int:
    """Write the overlay of every video; one that cannot be read is reported, the others are predicted.

    Args:
        plan: The output of each video.
        predict: Called with a video and its output.
        skip_done: If true, videos whose output exists are left out.

    Returns:
        The exit status.

    Raises:
        InputError: If PyAV is missing.
        OutputError: If an output cannot be written: then the next one could not be, either.
    """
    require("av", extra="video", purpose=f"reading {next(iter(plan))}")
    done = [video for video, output in plan.items() if skip_done and output.is_file()]
    failed = 0
    for video, output in plan.items():
        if video in done:
            continue
        try:
            written = predict(video, output)
        except OutputError:
            raise
        except InputError as error:
            failed += 1
            console.print(f"atrous predict: {one_line(str(error))}", markup=False, soft_wrap=True)
            continue
        frames = f"{written.frames} frames of {size_text(written.size)}, {float(written.rate):g} per second"
        print(f"video    {one_line(str(output))} ({frames})")
        print(f"classes  {class_line(written.shares)}")
    if done:
        print(f"{len(done)} videos were left out: their outputs exist")
    if failed:
        print(f"{failed} of {len(plan)} videos failed, each named above")
    return SOME_FAILED if failed else 0


def _videos_of(name: str) -> list[Path]:
    """Videos that one input gives."""
    if os.path.isdir(name):
        names = [entry for entry in os.listdir(name) if entry.lower().endswith(VIDEO_SUFFIXES)]  # paths take longer
        videos = [path for path in (Path(name, entry) for entry in names) if _is_video(path) and not path.is_dir()]
        return videos if videos and not _has_pictures(name) else []
    if not _is_video(Path(name)):
        return []
    matches = [] if os.path.exists(name) or not glob.has_magic(name) else glob.glob(name, recursive=True)
    return [Path(match) for match in matches] or [Path(name)]


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")


def _has_pictures(folder: str) -> bool:
    try:
        return bool(image_names([folder]))
    except InputError:
        return False
