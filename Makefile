PYTHON ?= python3
BIN := .venv/bin
DEMO_INDEX := examples/.sakuin
COMPILED := $(wildcard embedder/*.c index/text/*.[ch])

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all lint fix docs bench

help: ## say what there is to make (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/installed ## set up .venv with everything for use and development

# What a developer needs: all extras, torch among them.
.venv/installed: pyproject.toml setup.py $(COMPILED)
	@echo "Installing sakuin with all extras and the tools of its tests into .venv: some minutes, most of them for torch."
	$(call install,dev)
	touch .venv/demo $@

# What the pages need, a quarter of that; there already where the rest is.
.venv/demo: pyproject.toml setup.py $(COMPILED)
	@echo "Installing sakuin and its pages into .venv: a minute or two."
	$(call install,ui)
	touch $@

define install
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("sakuin needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[$(1)]'
endef

demo: .venv/demo ## index the example documents and open the pages in the browser
	$(BIN)/index build examples/corpus --index $(DEMO_INDEX)
	$(BIN)/index ui --index $(DEMO_INDEX)

# By two processes: most tests wait for other processes, and use one core at a time.
test: install ## run the tests, but for slow ones and those in a browser
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: install ## run all tests; those in a browser need Chromium
	$(BIN)/python -m pytest -m ""

lint: install ## check style and types; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: install ## mend what can be mended by itself: order of imports, format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/bench ## measure speed beside the alternatives, all tables in some ten minutes
	$(BIN)/python -m benchmarks.quick $(if $(DATA),--data $(DATA)) $(if $(TASKS),--tasks $(TASKS)) $(if $(JSON),--json $(JSON))

# What is raced against is not needed for anything else.
.venv/bench: .venv/installed
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev,bench]'
	touch $@

docs: install ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
