"""Archives on a Hugging Face hub: `hf://user/name`, or another file or revision as `hf://user/name/FILE@REVISION`.

Only archives of ours are taken from there. The hub is the one that `HF_ENDPOINT` names, else huggingface.co; access
tokens are the business of its library.
"""

import os
import re
from pathlib import Path
from types import ModuleType
from urllib.parse import quote, urlsplit

from atrous.download import OnProgress, Remote, download
from atrous.errors import InputError
from atrous.extras import require
from atrous.importers.file_head import read_head
from atrous.reachability import unreachable
from atrous.weights import archive
from atrous.weights.cache import cache_folder
from atrous.weights.card import model_card
from atrous.weights.run_folder import last_weights

SCHEME = "hf://"
FILE = "model.safetensors"
CARD = "README.md"
PUBLIC_HUB = "https://huggingface.co"
LARGEST_FILE = 4 << 30
"""Bytes; the largest network here has a tenth of it."""

_ADDRESS = re.compile(r"hf://(?P<repository>[\w.-]+/[\w.-]+)(?:/(?P<file>[\w./-]+))?(?:@(?P<revision>[\w./-]+))?")


def fetch(address: str, *, on_progress: OnProgress | None = None) -> Path:
    """The archive at an address, kept in the cache; one that was fetched before is found without a network.

    Raises:
        InputError: If it is no address, cannot be fetched, or is no archive of ours.
    """
    parts = _ADDRESS.fullmatch(address)
    file = (parts and parts["file"]) or FILE
    if (
        parts is None
        or not file.endswith(".safetensors")
        or {"", ".", ".."} & {*parts["repository"].split("/"), *file.split("/")}
    ):
        raise InputError(f"{address} is no archive on a hub; give hf://user/name or hf://user/name/FILE.safetensors")
    path = fetch_file(address, parts["repository"], file, revision=parts["revision"], on_progress=on_progress)
    if not archive.is_archive(read_head(path)):
        raise InputError(f"{address} is no archive of atrous; download it yourself and see atrous convert")
    return path


def fetch_file(
    address: str,
    repository: str,
    file: str,
    *,
    revision: str | None = None,
    on_progress: OnProgress | None = None,
    timeout: float = 30.0,
) -> Path:
    """Download a file of a repository into the cache, or find it there.

    The hub's library says where the file is and what it has to be; the bytes come by `atrous.download`.

    Args:
        address: What the user named, for error messages.
        repository: `user/name`.
        file: Path of the file in the repository.
        revision: Branch, tag or commit; by default the main branch.
        on_progress: Sees the download grow.
        timeout: Seconds without a byte, or with less than 1 KiB a second, after which the hub counts as stalled.

    Raises:
        InputError: If it cannot be fetched, has another digest than the hub states, or is larger than any weights.
    """
    path = cache_folder() / "hub" / repository / quote(revision or "main", safe="") / file
    endpoint = _endpoint() or PUBLIC_HUB
    if problem := unreachable(endpoint):
        if path.is_file():
            return path
        remedy = "nor is it in the cache; download the file elsewhere and give its path, or set HF_ENDPOINT"
        raise InputError(f"cannot fetch {address}: {endpoint} does not answer ({problem}), {remedy}")
    try:
        download(
            _remote(address, repository, file, revision=revision, endpoint=endpoint),
            path,
            name=address,
            remedy="download the file elsewhere and give its path",
            on_progress=on_progress,
            timeout=timeout,
        )
    except OSError as error:
        raise InputError(f"cannot use the cache {path.parent}: {error.strerror or error}; set ATROUS_HOME") from error
    return path


def _remote(address: str, repository: str, file: str, *, revision: str | None, endpoint: str) -> Remote:
    """A file as the hub describes it; a token goes to the hub alone.

    The ETag of a large file is its sha256, that of a small one git's name of its content.
    """
    hub = _library(f"reading {address}")
    try:
        url = hub.hf_hub_url(repository, file, revision=revision, endpoint=endpoint)
        stated = hub.get_hf_file_metadata(url, endpoint=endpoint)
        token = hub.utils.build_hf_headers().get("authorization")
    except Exception as error:  # the library's errors and those of its HTTP client have no base in common
        raise InputError(f"cannot fetch {address}: {_first_line(error)}") from error
    if stated.size is not None and stated.size > LARGEST_FILE:
        raise InputError(f"{address} has {stated.size} bytes, more than any archive or weights here")
    algorithm = {64: "sha256", 40: "git"}.get(len(stated.etag or ""))
    return Remote(
        (stated.location,),
        f"{algorithm}:{stated.etag}" if algorithm else None,
        size=stated.size,
        authorization=token if urlsplit(stated.location)[:2] == urlsplit(endpoint)[:2] else None,
    )


def push(path: Path, repository: str, *, private: bool = False) -> str:
    """Upload an archive with a model card, as one commit; returns its address.

    Args:
        path: The archive, which is verified before it leaves, or a run folder (its last checkpoint is taken).
        repository: `user/name`; created where missing.
        private: True if a repository that is created is to be seen by its owner alone.

    Raises:
        InputError: If the archive is damaged, or the hub refuses.
    """
    address = f"{SCHEME}{repository}"
    parts = _ADDRESS.fullmatch(address)
    if parts is None or parts["repository"] != repository:
        raise InputError(f"{repository} is no repository; give user/name")
    path = last_weights(path)
    card = model_card(archive.load(path), address=address)
    hub = _library(f"pushing to {address}")
    try:
        api = hub.HfApi(endpoint=_endpoint())
        api.create_repo(repository, private=private, exist_ok=True)
        api.create_commit(
            repository,
            operations=[
                hub.CommitOperationAdd(FILE, str(path)),
                hub.CommitOperationAdd(CARD, card.encode()),
            ],
            commit_message="Weights and model card",
        )
    except Exception as error:  # as above
        raise InputError(f"cannot push to {address}: {_first_line(error)}") from error
    return address


def _library(purpose: str) -> ModuleType:
    return require("huggingface_hub", extra="hub", purpose=purpose)


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"{lines[0]:.300}"
