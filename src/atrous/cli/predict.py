"""`atrous predict WEIGHTS INPUT... --out DIR`: label maps and overlays of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from atrous.cli.console import console, progress_bar
from atrous.cli.inference import Inference
from atrous.cli.options import parse
from atrous.data.formats.images import MAX_PIXELS, image_files
from atrous.errors import InputError
from atrous.inference.output_files import plan_files, select_listed
from atrous.inference.predict_files import TilingRule, predict_files
from atrous.inference.result import Result
from atrous.inference.submission import CITYSCAPES_SERVER, VOC_SERVER
from atrous.inference.tiling.tiles import Tiling
from atrous.report.wording import one_line

SERVERS = {"voc": VOC_SERVER, "cityscapes": CITYSCAPES_SERVER}
SOME_FAILED = 1


@dataclass(frozen=True)
class Options:
    """Write label maps (indexed PNG) and overlays with a legend (JPEG) of pictures.

    DIR/NAME.png and DIR/NAME_overlay.jpg are written for each picture; existing files are replaced. A GeoTIFF also
    gives DIR/NAME_labels.tif with its geo-reference. Pictures of the same name keep their folders below DIR. A picture
    that cannot be read is reported, the others are predicted, and the exit status is 1.

    Example: atrous predict runs/street/best.safetensors photos/ 'more/*.jpg' --out labels
    """

    weights: tyro.conf.Positional[str]
    """An archive, a file of another project, hf://user/name, or a name that `atrous weights` lists."""
    inputs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="INPUT...")]
    """Pictures, folders of pictures, or patterns in quotes."""
    out: Path
    """Folder for the outputs; created if missing."""
    inference: Inference = field(default_factory=Inference)
    overlay: bool = True
    """Write overlays."""
    only: Path | None = None
    """File of names, one per line without suffix; only these pictures are predicted."""
    server: Literal["voc", "cityscapes"] | None = None
    """Write label maps alone, as the evaluation server of PASCAL VOC (comp6) or Cityscapes takes them."""
    tile: Annotated[int | None, tyro.conf.arg(metavar="SIZE")] = None
    """Side in pixels of tiles that larger pictures are cut into. None: 1024, and only pictures of more than 4096 x 4096
    pixels, unless they are also seen at other scales, mirrored or padded."""
    overlap: int = Tiling.overlap
    """Pixels that neighbouring tiles share; from the receptive field on (`atrous info`) no seam is left."""
    tile_means: Literal["picture", "tile"] = Tiling.means
    """Area of image pooling: the whole picture, by an additional pass, or the tile."""
    max_pixels: int = MAX_PIXELS
    """Largest picture; larger ones are refused unless they can be read in parts (.npy, TIFF)."""


def main(arguments: Sequence[str]) -> int:
    """Predict pictures; returns 0, or 1 where some could not be read."""
    options = parse(Options, arguments, verb="predict")
    pictures = image_files(options.inputs)
    if options.only is not None:
        pictures = select_listed(pictures, names=options.only)
    server = None if options.server is None else SERVERS[options.server]
    overlays = options.overlay and server is None
    out = options.out
    plan = server.plan(pictures, out=out) if server else plan_files(pictures, out=out, overlays=overlays)
    predictor = options.inference.predictor(options.weights)
    if server:
        server.require(predictor.labels)
    tiles = _tiling_rule(options, allows_tiles=predictor.allows_tiles)
    failed = 0
    with progress_bar() as progress:
        pictures_task = progress.add_task("predicting", total=len(plan))
        tiles_task = progress.add_task("tiles", total=None, visible=False)

        def on_progress(done: int, whole: int) -> None:
            if done == 1:
                progress.reset(tiles_task)
            progress.update(tiles_task, completed=done, total=whole, visible=done < whole)

        save = server.save if server else Result.save
        for outcome in predict_files(
            predictor, plan, save=save, tiles=tiles, max_pixels=options.max_pixels, on_progress=on_progress
        ):
            progress.advance(pictures_task)
            if outcome.problem is not None:
                failed += 1
                console.print(f"atrous predict: {one_line(outcome.problem)}", markup=False, soft_wrap=True)
    if predictor.precision_reason:
        print(f"computed in {predictor.precision} ({predictor.precision_reason})")
    what = "label map and overlay" if overlays else "label map"
    print(f"{what} of {len(plan) - failed} of {len(plan)} pictures written to {options.out}")
    if failed:
        print(f"{failed} of {len(plan)} pictures failed, each named above")
    return SOME_FAILED if failed else 0


def _tiling_rule(options: Options, *, allows_tiles: bool) -> TilingRule | None:
    """Tile all pictures where --tile is given, else those that would not fit into memory."""
    if options.max_pixels < 1:
        raise InputError(f"--max-pixels {options.max_pixels} leaves no picture; give 1 or more")
    if options.tile is None:
        return (
            TilingRule(Tiling(overlap=options.overlap, means=options.tile_means))
            if allows_tiles and not options.server
            else None
        )
    if options.server:
        raise InputError("--tile and --server do not go together; servers take pictures that are predicted whole")
    if not allows_tiles:
        raise InputError(
            "tiles are seen at scale 1, neither mirrored nor padded; leave out --tile, or the other options"
        )
    tiling = Tiling(size=options.tile, overlap=options.overlap, means=options.tile_means)
    return TilingRule(tiling, above_pixels=0)
