# jumpbag: everything starts from a fresh machine with Python >= 3.11, make and e2fsprogs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JUDGE  := tests/policies/node_modules/.installed
# mke2fs and debugfs live in /sbin on Debian, which is not always on the PATH.
export PATH := $(PATH):/usr/sbin:/sbin

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-slow bench check picture lock clean

help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "jumpbag needs Python 3.11 or newer; name one with: make PYTHON=python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock && \
	  uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

venv: $(STAMP)  ## install into .venv

demo: venv  ## embedded cloud, a demo case, and the UI
	@$(BIN)/jumpbag demo

# A second judge of IAM policies, in a process of its own; used by tests alone (see tests/policies/README.md).
$(JUDGE): tests/policies/package-lock.json
	@if command -v npm >/dev/null 2>&1; then \
	  cd tests/policies && npm ci --silent --no-audit --no-fund --ignore-scripts && touch node_modules/.installed; \
	else echo "there is no npm: the second judge of policies is not installed, and its tests are skipped"; fi

test: venv $(JUDGE)  ## the suite
	@$(BIN)/python -m pytest -n 4 --dist loadscope --no-loadscope-reorder

test-slow: venv $(JUDGE)  ## the long matrices
	@$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder -m slow

bench: venv  ## what the screens cost: times, bytes, memory, one table
	@$(BIN)/python -m tests.bench

check: venv  ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

picture: venv  ## walk the demo's tour and draw the pictures of docs again
	@$(BIN)/python -m tests.terminal.picture docs

lock: venv  ## resolve the dependencies again
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --no-annotate pyproject.toml --extra demo --group dev --group build -o requirements.lock

clean:  ## remove what was built
	rm -rf $(VENV) tests/policies/node_modules .mypy_cache .ruff_cache .pytest_cache
