PYTHON ?= python3
BIN := .venv/bin
DEMO_INDEX := examples/.sakuin

.PHONY: install demo test lint

install: .venv/installed

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("sakuin needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/index build examples/corpus --index $(DEMO_INDEX)
	$(BIN)/index ui --index $(DEMO_INDEX)

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
