# Everything a fresh machine needs: Python 3.11+, make and a package index.
PYTHON ?= python3
# Which torch to install; any build from 2.6 on works, e.g. make test TORCH=torch==2.13.0
TORCH ?= torch
BIN := .venv/bin
STAMP := .venv/installed-$(shell (cat pyproject.toml; echo "$(TORCH)") | cksum | cut -d' ' -f1)

# Two runs of the tests side by side, a core each: about half of the time is that of the first.
FIRST := $(addprefix tests/,agreement audit benchmark cli data evaluation explain given)
SECOND := $(filter-out $(FIRST),$(wildcard tests/*/ tests/test_*.py))
SECOND := $(filter-out $(addsuffix /,$(FIRST)),$(SECOND))

.PHONY: demo test test-all first-half second-half fuzz clean

demo: $(STAMP)
	$(BIN)/cofinal demo --out demo

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) --jobs=2 --output-sync=target first-half second-half

first-half:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --basetemp=$$(mktemp -d)/tests -o cache_dir=.pytest_cache/first $(FIRST)

second-half:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --basetemp=$$(mktemp -d)/tests -o cache_dir=.pytest_cache/second $(SECOND)

test-all: test
	$(BIN)/python -m pytest -m slow

fuzz: $(STAMP)
	$(BIN)/python tests/fuzz/run.py

$(STAMP):
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "$(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	rm -f .venv/installed-*
	touch $@

clean:
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache
