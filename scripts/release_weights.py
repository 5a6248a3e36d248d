"""A trained archive as it is published: half precision, with provenance, licence and measured results inside.

    python scripts/release_weights.py RUN/last.safetensors models/NAME.safetensors --licence TEXT [--results JSON ...]

The results are files of `atrous evaluate --json`, measured on an earlier call's output: the tensors are the same.
"""

import argparse
import json
from pathlib import Path

import atrous

KEPT = ("miou", "pixel_accuracy", "iou", "protocol")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--licence", required=True)
    parser.add_argument("--results", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    trained = atrous.load(options.source)
    results = [json.loads(path.read_text(encoding="utf-8")) for path in options.results]
    provenance = {
        **{name: value for name, value in trained.provenance.items() if name != "results"},
        "licence": options.licence,
        "results": [{name: result[name] for name in KEPT} for result in results],
    }
    atrous.save(options.out, trained.model, labels=trained.labels, provenance=provenance, half=True)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB, sha256 {atrous.load(options.out).sha256}")


if __name__ == "__main__":
    main()
