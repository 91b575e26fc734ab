# Everything runs in .venv, which each target makes and fills as far as it needs; a stamp file remembers what is there.
#
#   make study    the main job on real data: install, then `likeliest study digits`
#   make test     all tests                         make bench    the benchmarks, one by one
#   make check    style, types, architecture        make clean    remove .venv and all caches

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: study test check bench clean

study: $(VENV)/.installed-core
	$(BIN)/likeliest study digits

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 2 -q

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-bench
	@set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# --- what is installed ----------------------------------------------------------------------------------------------

$(BIN)/python:
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.installed-core: pyproject.toml constraints.txt | $(BIN)/python
	@echo "$$SIZE"
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-%: $(VENV)/.installed-core
	@echo "Installing what 'make $(MAKECMDGOALS)' needs besides: $(MB_$*) MB more."
	$(PIP) --editable ".[$*]"
	@touch $@

# Added up over the wheels that pip takes for the pinned versions on Linux x86-64 with Python 3.11. With PyTorch's CPU build
# 401 MB (torch alone 192); without it 2,939 MB (torch 527, CUDA libraries and triton 2,204).
MB_test  := 184
MB_dev   := 39
MB_bench := 0
define SIZE
Installing likeliest and what it stands on into $(VENV).
    Download: about 400 MB where pip finds PyTorch's CPU build; about 2.9 GB where it takes the CUDA build, which is what
    a plain install on Linux does. To get the CPU build there, stop now (Ctrl-C), look up the address of PyTorch's CPU
    wheels under "CPU" at pytorch.org/get-started/locally, and type: make $(or $(MAKECMDGOALS),study) PIP_EXTRA_INDEX_URL=ADDRESS
endef
export SIZE
