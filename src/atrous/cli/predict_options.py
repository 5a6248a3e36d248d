"""Options of `atrous predict`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from atrous.cli.inference import Inference
from atrous.cli.predict_ray import RayOptions
from atrous.data.formats.images import MAX_PIXELS
from atrous.inference.annotation_files import AnnotationFormat
from atrous.inference.tiling.tiles import Tiling


@dataclass(frozen=True)
class Options:
    """Write label maps (indexed PNG) and overlays with a legend (JPEG) of pictures.

    DIR/NAME.png and DIR/NAME_overlay.jpg are written for each picture; existing files are replaced. A GeoTIFF also
    gives DIR/NAME_labels.tif with its geo-reference. Pictures of the same name keep their folders below DIR. A picture
    that cannot be read is reported, the others are predicted, and the exit status is 1. A video gives
    DIR/NAME_overlay.mp4.

    Example: atrous predict runs/street/best.safetensors photos/ 'more/*.jpg' --out labels
    """

    weights: tyro.conf.Positional[str]
    """An archive, a run folder, a file of another project, hf://user/name, a name that `atrous weights` lists, or an
    exported file."""
    inputs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="INPUT...")]
    """Pictures, folders of pictures, patterns in quotes, http and https addresses (up to 100 MB and 30 s each), or
    videos, as files, patterns or folders of them; or one rtsp:// address or webcam (/dev/video0), recorded until Ctrl-C
    (both need the extra `video`)."""
    out: Path
    """Folder for the outputs; created if missing."""
    inference: Inference = field(default_factory=Inference)
    overlay: bool = True
    """Write overlays."""
    overlay_background: bool = False
    """Paint the background class in overlays, too."""
    contours: bool = False
    """Draw only the outlines of regions in overlays."""
    legend: bool = True
    """Name the classes below overlays."""
    probabilities: bool = False
    """Also write DIR/NAME_probabilities.npy: float16 [classes, height, width], 0..1."""
    form: Annotated[AnnotationFormat | None, tyro.conf.arg(name="as")] = None
    """Also write polygons for annotation tools: DIR/NAME.geojson, in coordinates of the earth where a GeoTIFF has them;
    or a data set in DIR/coco, DIR/labelme or DIR/yolo, to be corrected and trained on."""
    tolerance: float = 1.0
    """For polygons: largest distance in pixels of a removed corner from the simplified line; 0 is exact. Regions of
    which more than 1 % would change are simplified less."""
    skip_done: bool = False
    """Leave out pictures and videos whose outputs exist."""
    smoothing: float = 0.0
    """Weight 0..1 of earlier frames in the probabilities of a video's frame; 0 treats frames alone."""
    seconds: float | None = None
    """Length after which the recording of a stream or webcam ends. None: it goes on until it ends, or an interrupt."""
    watch: bool = False
    """Predict the pictures of one folder as they arrive, until an interrupt; those with newer outputs are left out."""
    only: Path | None = None
    """File of names, one per line without suffix; only these pictures are predicted."""
    server: Literal["voc", "cityscapes"] | None = None
    """Write label maps alone, as the evaluation server of PASCAL VOC (comp6) or Cityscapes takes them."""
    tile: Annotated[int | None, tyro.conf.arg(metavar="SIZE")] = None
    """Side in pixels of tiles that larger pictures are cut into. None: 1024, and only pictures of more than 4096 x 4096
    pixels, unless they are also seen at other scales, mirrored or padded."""
    overlap: int = Tiling.overlap
    """Pixels that neighbouring tiles share. From the receptive field on (`atrous info`), labels are those of the whole
    picture, unless means are those of the tile, as they always are in the official MobileNetV3 heads."""
    tile_means: Literal["picture", "tile"] = "picture"
    """Area of image pooling: the whole picture, by an additional pass, or the tile."""
    picture_range: tuple[float, float] | None = None
    """Numbers that are black and white in pictures of more than 8 bits, such as 0 4095. None: those of the training
    data; without any, 16 bits are 0..65535 and floating-point pictures are refused."""
    truncated: bool = False
    """Read JPEGs whose end is missing; what is missing is grey."""
    max_pixels: int = MAX_PIXELS
    """Largest picture; larger ones are refused unless they can be read in parts (.npy, TIFF)."""
    cluster: RayOptions = field(default_factory=RayOptions)
