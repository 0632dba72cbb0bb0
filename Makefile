# Two commands for a fresh machine with Python 3.11 or newer:
#   make quickstart   install, search handwritten digits, report, verify on a chip
#   make test         install, run the tests
PYTHON ?= python3
VENV ?= .venv
# Warnings of the build tools are not for the person who installs.
PIP := PYTHONWARNINGS=ignore $(VENV)/bin/python -m pip install --quiet
BIN := $(VENV)/bin
WORKDIR ?= runs/digits
CONFIG ?= experiments/digits.py

.PHONY: help quickstart test slow lint site bench clean

help:
	@sed -n '1,3p' Makefile

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| (echo "error: $(PYTHON) is older than Python 3.11; use PYTHON=python3.11" && false)
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements-core.txt requirements-search.txt \
		requirements-mcu.txt pyproject.toml | $(BIN)/python
	$(PIP) --upgrade pip setuptools wheel
	$(PIP) -e '.[mcu]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(PIP) -e '.[mcu,dev]'
	touch $@

quickstart: $(VENV)/.installed
	$(BIN)/python -m launch.search --config=$(CONFIG) --workdir=$(WORKDIR)
	$(BIN)/python -m launch.report --workdir=$(WORKDIR)
	$(BIN)/python -m launch.export --workdir=$(WORKDIR) --trial=best --board=microbit \
		--out=$(WORKDIR)/microbit

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist worksteal

slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/basedpyright --level error

site: $(VENV)/.installed requirements-docs.txt
	$(PIP) -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.run

clean:
	rm -rf $(VENV) runs build *.egg-info .pytest_cache .ruff_cache
