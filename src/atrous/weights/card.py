"""The page that is published beside weights: what they are, what they were trained on, what was measured."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from atrous.report.wording import one_line
from atrous.weights.archive import Archive

_LICENCES = {"Apache-2.0": "apache-2.0", "BSD-3-Clause": "bsd-3-clause", "MIT": "mit", "CC0-1.0": "cc0-1.0"}
"""SPDX names whose whole meaning a hub's own identifier has."""

_LARGEST_PROVENANCE = 20_000


def model_card(archive: Archive, *, address: str) -> str:
    """Markdown with the front matter of a Hugging Face hub; what the archive says is shown as text, never as markup.

    Args:
        archive: The archive that is described.
        address: Address that it can be loaded from.
    """
    data, licence = _data(archive.provenance), _licence(archive.provenance)
    config = archive.model.config
    front = {
        "library_name": "atrous",
        "pipeline_tag": "image-segmentation",
        "tags": ["semantic-segmentation", "deeplabv3", config.backbone.kind],
        "license": _LICENCES.get(licence, "other"),
    }
    if front["license"] == "other":
        front["license_name"] = licence or "not stated"
    facts = {
        "network": f"{'DeepLabv3+' if config.decoder else 'DeepLabv3'}, {config.backbone.kind}",
        "output stride": config.output_stride,
        "classes": ", ".join(archive.labels.names),
        "data": data or "not stated",
        "licence": licence or "not stated",
        "sha256 of the contents": archive.sha256,
    }
    results = _results(archive.provenance)
    return "\n".join(
        (
            "---",
            *(f"{key}: {json.dumps(value)}" for key, value in front.items()),  # JSON is YAML
            "---",
            f"# {_text(address.rpartition('/')[2])}",
            "",
            "Weights for semantic segmentation, one file that describes itself.",
            "",
            "```python",
            "import atrous",
            "",
            f'predictor = atrous.Predictor(atrous.load("{address}"))',
            "```",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {_text(value)} |" for name, value in facts.items()),
            "",
            *(("## Results", "", *results, "") if results else ()),
            "## Provenance",
            "",
            *_indented(archive.provenance),
            "",
        )
    )


def _data(provenance: Mapping[str, Any]) -> str:
    """Training data: words, or the data set of a run."""
    data = provenance.get("trained_on", "")
    if isinstance(data, dict):
        return ", ".join(f"{data[name]}" for name in ("name", "split") if name in data)
    return str(data)


def _licence(provenance: Mapping[str, Any]) -> str:
    """Its own, or else that of the data of a run."""
    data = provenance.get("trained_on")
    return str(provenance.get("licence") or (data.get("licence", "") if isinstance(data, dict) else ""))


def _results(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """A row per measured number, whoever measured it."""
    published = [(row.get("metric"), row.get("value"), f"{row.get('on')}, {row.get('protocol')}, as published")
                 for row in _objects(provenance.get("published"))]  # fmt: skip
    measured = [("mIoU", _percent(row.get("miou")), json.dumps(row.get("protocol"), sort_keys=True))
                for row in _objects(provenance.get("results"))]  # fmt: skip
    rows = [f"| {' | '.join(map(_text, row))} |" for row in (*published, *measured)]
    return ("| metric | percent | protocol |", "|---|---|---|", *rows) if rows else ()


def _objects(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _percent(share: object) -> str:
    return f"{100 * share:.2f}" if isinstance(share, float) else "none"


def _text(value: object) -> str:
    """A table's cell in which nothing is markup."""
    text = escape(one_line(str(value)), quote=False)
    return "".join(f"\\{letter}" if letter in "\\`*_[]|#!" else letter for letter in text)


def _indented(provenance: Mapping[str, Any]) -> list[str]:
    """As a block of code; JSON has no line breaks inside its strings, so none of them can end it."""
    text = json.dumps(provenance, indent=2, sort_keys=True)
    if len(text) > _LARGEST_PROVENANCE:
        return ["It is long, and stands in the file itself."]
    return [f"    {line}" for line in text.splitlines()]
