#!/usr/bin/env bash
# Builds wheel and sdist into dist/, checks both, and runs the wheel in a clean environment: `make package`.
# PYTHON=python3.12 takes another interpreter; DEMO=1 also runs the demo from the wheel (about five minutes on two cores).
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3.11}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet --disable-pip-version-check build twine
rm -rf dist
"$work/tools/bin/python" -m build --outdir dist . > "$work/build.log" || { tail "$work/build.log"; exit 1; }
"$work/tools/bin/twine" check --strict dist/*
echo "sdist: $(tar -tzf dist/*.tar.gz | wc -l) files, of which tests: $(tar -tzf dist/*.tar.gz | grep -c '/tests/.*\.py$')"

"$python" -m venv "$work/clean"
"$work/clean/bin/pip" install --quiet --disable-pip-version-check --constraint constraints.txt dist/*.whl
cd "$work" # away from the checkout: what answers is the wheel
clean/bin/python -c "import atrous; print(atrous.__file__)" | grep -q site-packages
clean/bin/atrous --version
clean/bin/atrous info deeplabv3plus_mobilenet_v2 --size 513 | tail -3
if [ "${DEMO:-0}" = 1 ]; then clean/bin/atrous demo --out demo; fi
echo "wheel and sdist are sound on $("$python" --version)"
