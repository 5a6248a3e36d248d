# Two commands on a fresh machine with Python 3.11 and make: `make demo`, `make test`.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Tests start many processes; each would take two seconds longer to compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install browser demo test soak docs package lint check format clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	# torchvision and timm ask for another build of torch; the tests make them importable (tests/torchvision_shim.py).
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --no-deps torchvision timm
	touch $@

browser: ## Chromium, which tests of pages drive; without it they are skipped by name.
	command -v chromium || command -v google-chrome || (apt-get update -qq && apt-get install -y -qq chromium)

demo: install ## The whole life of a model on generated scenes; prints where the report is.
	$(BIN)/atrous demo --out demo

test: install ## As many tests at a time as there are processors, each on one of them.
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --maxprocesses 8 --dist worksteal

soak: install ## What takes too long for every change: longer versions of tests, then each script of scripts/soak.
	ATROUS_SOAK=1 OMP_NUM_THREADS=1 $(BIN)/pytest -m soak --numprocesses auto --maxprocesses 8 --dist worksteal
	set -e; for script in $(sort $(wildcard scripts/soak/*.py)); do echo "== $$script"; $(BIN)/python $$script; done

docs: install ## The site, in site/; links that lead nowhere are errors.
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=src $(BIN)/mkdocs build --strict --quiet
	@echo "read it: $(BIN)/python -m http.server --directory site, then http://localhost:8000"

package: ## Wheel and sdist in dist/, checked, and the wheel tried in a clean environment.
	PYTHON=$(PYTHON) bash scripts/release_check.sh

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

check: lint test ## All that must be clean before a commit.

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## What the targets above have made; runs/ is the user's own.
	rm -rf $(VENV) demo site dist
