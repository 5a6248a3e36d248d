"""`atrous serve WEIGHTS...`: an HTTP service for pictures, and a page to look at their label maps."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import tyro

from atrous.cli.inference import Inference, load_weights
from atrous.cli.options import parse
from atrous.cli.serve_ray import RayOptions, serve_on_ray
from atrous.errors import InputError
from atrous.extras import require
from atrous.inference.device import choose_device
from atrous.inference.engines.open_engine import is_exported
from atrous.inference.precision import Precision
from atrous.inference.predictor import Predictor
from atrous.serving.service import Limits
from atrous.weights.archive import Archive

TOKEN_VARIABLE = "ATROUS_TOKEN"

_NAMED = re.compile(r"([A-Za-z0-9][\w.@+-]{0,99})=(.+)", re.ASCII | re.DOTALL)

_PRECISION = re.compile(r"(.+)@(float32|float16|bfloat16)", re.DOTALL)


@dataclass(frozen=True)
class Options:
    """Serve models over HTTP: POST /v1/segment takes a picture and returns its label map; `/` is a page.

    GET /v1/model, /healthz, /readyz, /metrics (Prometheus) and /openapi.json describe the service. SIGTERM lets it
    answer what it has accepted, and end.

    Example: atrous serve runs/street/best.safetensors --port 8000
    """

    weights: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="WEIGHTS...")]
    """Archives, run folders, exported files, files of other projects, or names of `atrous weights`; NAME=WEIGHTS names
    a model, else its file or folder does. The first is the one that requests without a name mean. @float16 or
    @bfloat16 at the end computes a model in that number type, to be compared on the page."""
    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 lets other machines in."""
    port: int = 8000
    """Port to listen at; 0 takes a free one."""
    inference: Inference = field(default_factory=Inference)
    token_file: Path | None = None
    """File with a token; requests must then carry it: `Authorization: Bearer TOKEN`. None: the environment variable
    ATROUS_TOKEN, else everybody is let in."""
    label_studio: Annotated[str | None, tyro.conf.arg(metavar="URL")] = None
    """Address of a Label Studio, to which the first model is a machine-learning backend as well: pictures of its tasks
    are read from there alone, with the access token in the environment variable LABEL_STUDIO_API_KEY."""
    queue: int = 64
    """Predictions that are being answered at a time; further requests get status 503."""
    deadline: float = 30.0
    """Seconds that a prediction may wait and take; it gets status 503 after that."""
    max_bytes: int = 32 * 2**20
    """Largest body of a request, in bytes."""
    max_pixels: int = 2**26
    """Largest picture; larger ones are refused by their header."""
    memory: Annotated[int | None, tyro.conf.arg(metavar="MIB")] = None
    """Mebibytes of pictures and results that are held at a time. None: half of the memory, up to 4096."""
    decoders: int = 2
    """Processes that decode pictures."""
    cluster: RayOptions = field(default_factory=RayOptions)


def main(arguments: Sequence[str]) -> int:
    """Serve until a signal; returns 0."""
    options = parse(Options, arguments, verb="serve")
    for module in ("fastapi", "uvicorn", "python_multipart"):
        require(module, extra="serve", purpose="atrous serve")
    # Only now: these import what the extra installs.
    from atrous.serving.app import build_app
    from atrous.serving.label_studio_pictures import PictureSource
    from atrous.serving.models import Models, ServedModel
    from atrous.serving.server import listen, run
    from atrous.serving.service import Service

    limits = Limits(
        queue=options.queue,
        deadline=options.deadline,
        max_bytes=options.max_bytes,
        max_pixels=options.max_pixels,
        memory=None if options.memory is None else options.memory * 2**20,
        decoders=options.decoders,
    )
    token = read_token(options.token_file)
    if options.cluster.ray:
        return _serve_on_ray(options, limits, token)
    options.cluster.check_unused()
    source = None
    if options.label_studio is not None:
        key = os.environ.get("LABEL_STUDIO_API_KEY")
        source = PictureSource(options.label_studio, key=key, max_bytes=limits.max_bytes, seconds=limits.deadline)
    listener = listen(options.host, options.port)
    with ThreadPoolExecutor(1) as thread:  # with it end the threads that loading has started (`thread_shares.py`)
        loaded = list(thread.map(partial(load_served, options=options.inference), options.weights))
    models = [ServedModel(*found) for found in loaded]
    service = Service(Models(models), limits)
    service.warm_up()

    def on_ready(address: str) -> None:
        for model in service.models:
            default = model.default
            print(f"model    {model.name} ({len(default.labels)} classes, {default.device}, {default.precision})")
        print(f"page     {address}/")
        print(f"example  curl -f -F image=@photo.jpg '{address}/v1/segment?output=overlay' -o overlay.png", flush=True)

    run(
        build_app(service, token=token, label_studio=source),
        service,
        listener=listener,
        on_ready=on_ready,
    )
    return 0


def _serve_on_ray(options: Options, limits: Limits, token: str | None) -> int:
    if options.label_studio is not None:
        raise InputError("--label-studio is for one machine; leave it out, or leave out --ray")
    return serve_on_ray(
        options.weights,
        options.cluster,
        limits,
        load=partial(load_served, options=options.inference),
        host=options.host,
        port=options.port,
        token=token,
        on_gpu=choose_device(options.inference.device).type == "cuda",
    )


def read_token(file: Path | None) -> str | None:
    """Read the token that requests must carry: of a file, or else of the environment; None if there is neither.

    Raises:
        InputError: If the file cannot be read, or the token is shorter than 16 characters.
    """
    if file is None:
        token, origin = os.environ.get(TOKEN_VARIABLE) or None, f"the environment variable {TOKEN_VARIABLE}"
    else:
        origin = str(file)
        try:
            token = file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the token of {file}: {error}; write it there in ASCII") from error
    if token is None:
        return None
    token = token.strip()
    if len(token) < 16 or not token.isprintable() or " " in token:
        raise InputError(
            f"the token of {origin} is shorter than 16 characters or has blanks; make one with: openssl rand -hex 24"
        )
    return token


def model_name(source: str) -> tuple[str, str]:
    """Split `NAME=WEIGHTS`; without a name, that of the file or folder: (name, weights)."""
    if (named := _NAMED.fullmatch(source)) and not Path(source).exists():
        return named[1], named[2]
    path = Path(source)
    stem = path.stem if path.suffix else path.name
    name = path.resolve().parent.name if stem in ("best", "last", "ema") else stem
    return re.sub(r"[^\w.@+-]+", "-", name, flags=re.ASCII).strip("-") or "model", source


def load_served(source: str, options: Inference) -> tuple[str, Archive | None, Predictor]:
    """Load one model of the command line: its name, weights and default predictor; no weights for an exported file."""
    name, weights = model_name(source)
    if suffix := _PRECISION.fullmatch(weights):
        name = name if source.startswith(f"{name}=") else f"{model_name(suffix[1])[0]}@{suffix[2]}"
        weights, options = suffix[1], replace(options, precision=cast(Precision, suffix[2]))
    if is_exported(weights):
        return name, None, options.predictor(weights)
    archive = load_weights(weights, options.weight_settings)
    predictor = options.predictor_of(archive)
    return name, None if predictor.is_exported else archive, predictor
