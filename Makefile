# From a bare clone with Python (3.11 to 3.13) and make: `make demo`, `make test`. What is already there is skipped.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
OLLAMA_VERSION := 0.11.4
# The interpreter to build the environment with; empty: the first of CANDIDATES that runs and can make environments.
PYTHON ?=
CANDIDATES := python3.12 python3.11 python3.13 python3 python
PYTEST_ARGS ?=
# CARD=turing takes the packages for NVIDIA's RTX 20, GTX 16 and T4: torch for CUDA 12, beside which xformers loads. The environment
# remembers it.
CARD ?= $(shell cat .venv/.card 2>/dev/null)
# Two processes, whatever the machine has: each may hold Unsloth and a model. A file's tests stay together and files in their order.
PYTEST_PROCESSES ?= -n 2 --dist loadfile --no-loadscope-reorder
RECIPE ?= recipes/demo.yaml

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements$(if $(CARD),-$(CARD)).lock
LOCKED := $(VENV)/.locked$(if $(CARD),-$(CARD))
$(if $(wildcard $(LOCK)),,$(error CARD=$(CARD) is unknown: write CARD=turing, or leave it out))
OLLAMA := .cache/ollama-$(OLLAMA_VERSION)/ollama
# Contraction off: fused multiply-add would make Ollama's quantised bytes differ from ggml's in 0.01% of places.
MARCH := $(if $(filter x86_64,$(shell uname -m)),-march=x86-64-v3)
OLLAMA_CFLAGS ?= -O3 $(MARCH) -ffp-contract=off
CC ?= cc
CXX ?= c++
SUITABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
step = @printf '\033[1m==>\033[0m %s\n'

.PHONY: help setup base-model ollama browser demo test check lint messages lock bench clean

help: ## what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 20

setup: $(VENV)/.installed ## the environment .venv with the locked packages (CARD=turing: for an RTX 20, GTX 16 or T4)

$(VENV)/.interpreter:
	$(step) "making the environment $(VENV)"
	@if ! $(BIN)/python -c '$(SUITABLE)' 2>/dev/null; then \
	  for candidate in $(or $(PYTHON),$(CANDIDATES)); do \
	    if "$$candidate" -c '$(SUITABLE)' >/dev/null 2>&1; then python=$$candidate; break; fi; \
	  done; \
	  if [ -z "$${python:-}" ]; then \
	    echo "No Python 3.11, 3.12 or 3.13 with venv among: $(or $(PYTHON),$(CANDIDATES))."; \
	    echo "  → install one (Debian, Ubuntu: apt install python3 python3-venv, and for a GPU gcc and python3-dev) or name it: make PYTHON=/path/to/python"; \
	    exit 1; \
	  fi; \
	  "$$python" -m venv --clear $(VENV); \
	elif ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  $(BIN)/python -m ensurepip --default-pip >/dev/null; \
	fi
	@$(BIN)/python --version > $@

$(VENV)/.uv-$(UV_VERSION): | $(VENV)/.interpreter
	$(step) "installing uv $(UV_VERSION)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

# uv does not read pip's settings: hand it the index that pip would use, and pip's patience with slow ones.
$(LOCKED): $(LOCK) $(VENV)/.uv-$(UV_VERSION)
	@if ls $(VENV)/.locked* 2>/dev/null | grep -qvx '$(LOCKED)'; then \
	  echo "$(VENV) has the packages of another lock than $(LOCK)."; \
	  echo "  → remove it first: rm -r $(VENV)"; \
	  exit 1; \
	fi
	$(step) "installing the locked packages (3 minutes and 6 GB the first time)"
	@index=$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null || true)}}; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$$index"; fi; \
	if [ ! -t 2 ]; then export UV_NO_PROGRESS=1; quiet=--quiet; fi; \
	UV_HTTP_TIMEOUT=$${UV_HTTP_TIMEOUT:-300} $(BIN)/uv pip install $${quiet:-} --python $(BIN)/python --require-hashes --no-deps -r $(LOCK)
	@echo '$(CARD)' > $(VENV)/.card
	@touch $@

# `compat` writes a plain path file; setuptools' default finder would cost every start of Python some milliseconds.
# The path is made relative: Python reads the file in the locale's encoding, and fails at an accent where that is ASCII.
$(VENV)/.installed: setup.cfg pyproject.toml Makefile $(LOCKED)
	$(step) "installing tweetstyle"
	@$(BIN)/uv pip install --quiet --offline --python $(BIN)/python --no-deps --no-build-isolation \
	  --config-settings editable_mode=compat --editable .
	@printf '../../../..\n' | tee $(VENV)/lib/python3.*/site-packages/__editable__.tweetstyle-*.pth >/dev/null
	@touch $@

# Tests start hundreds of processes. Where PYTHONDONTWRITEBYTECODE is set, each would compile what it imports: half a minute for Unsloth.
# The file left out is in the syntax of Python 3.12.
$(VENV)/.bytecode: $(LOCKED)
	$(step) "compiling the packages"
	@$(BIN)/python -m compileall -q -j 0 -x py312_intrinsics $(VENV)/lib
	@touch $@

base-model: setup ## the small base model of demo and tests: model/smollm2-135m-instruct/ and its .gguf
	$(step) "base model"
	@$(BIN)/python -m scripts.demo_base_model

ollama: ## the real Ollama for the tests, built from source (Go and a C/C++ compiler)
	@if [ -x $(OLLAMA) ]; then exit 0; fi; \
	missing=; \
	command -v go >/dev/null || missing="$$missing, Go"; \
	command -v $(CC) >/dev/null || missing="$$missing, a C compiler ($(CC))"; \
	command -v $(CXX) >/dev/null || missing="$$missing, a C++ compiler ($(CXX))"; \
	if [ -n "$$missing" ]; then \
	  echo "Missing: $${missing#, }. Wanted to build the real Ollama, in which the tests run the exported models."; \
	  echo "  → install them (Go 1.24 or later: https://go.dev/dl; compilers: apt install build-essential, or xcode-select --install)"; \
	  if [ "$${CI:-}" = true ]; then exit 1; fi; \
	  echo "  Without them the Ollama tests are skipped; all others run."; \
	  exit 0; \
	fi; \
	printf '\033[1m==>\033[0m %s\n' "building Ollama $(OLLAMA_VERSION) (3 minutes, once)"; \
	room='$(CURDIR)/.cache/ollama-$(OLLAMA_VERSION).partial'; rm -rf "$$room"; mkdir -p "$$room"; \
	if ! env GOBIN="$$room" CGO_ENABLED=1 CGO_CFLAGS='$(OLLAMA_CFLAGS)' CGO_CXXFLAGS='$(OLLAMA_CFLAGS)' CC='$(CC)' CXX='$(CXX)' \
	  GOTOOLCHAIN=local go install github.com/ollama/ollama@v$(OLLAMA_VERSION) >"$$room/build.log" 2>&1; then \
	  tail -n 20 "$$room/build.log"; \
	  echo "Ollama could not be built; the whole log: $$room/build.log"; \
	  echo "  → Go 1.24 or later and a network are needed; \`go version\` says: $$(go version)"; \
	  exit 1; \
	fi; \
	rm -rf $(dir $(OLLAMA)); mv "$$room" $(dir $(OLLAMA))

browser: ## Chromium, in which the tests open the reports: looked for, and on a CI machine installed by apt
	@for name in chromium chromium-browser google-chrome; do if command -v $$name >/dev/null; then exit 0; fi; done; \
	if [ "$${CI:-}" = true ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  printf '\033[1m==>\033[0m %s\n' "installing Chromium"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null; \
	else \
	  echo "No Chromium here: the tests that open the reports in a browser are skipped; all others run."; \
	  echo "  → Debian: apt install chromium; Ubuntu: snap install chromium"; \
	fi

demo: base-model ## learn the sample author's style and show it
	$(step) "tweetstyle-fit $(RECIPE)"
	@$(BIN)/tweetstyle-fit $(RECIPE)
	@$(BIN)/python -m scripts.demo_show $(RECIPE)

test: base-model ollama browser $(VENV)/.bytecode ## all tests (PYTEST_ARGS="-k token -x" for some)
	$(step) "tests"
	@$(BIN)/python -m pytest $(PYTEST_PROCESSES) $(PYTEST_ARGS)

lint: setup ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

check: lint base-model $(VENV)/.bytecode ## before a commit: lint, format and the fast tests
	$(step) "fast tests"
	@$(BIN)/python -m pytest $(PYTEST_PROCESSES) -m "not slow" --ignore=tests/integration --ignore=tests/gpu_emulation $(PYTEST_ARGS)

messages: setup ## the French catalogue, brought up to date with the messages in the code, and compiled
	@$(BIN)/python -m scripts.messages

# xformers, which unsloth asks for, is left out of requirements.lock: no release loads beside torch for CUDA 13. Later torchaos
# than 0.16 say on screen that they want a later torch than 2.10.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url \
  --custom-compile-command "make lock" setup.cfg
lock: $(VENV)/.uv-$(UV_VERSION) ## compiles requirements.lock and requirements-turing.lock from setup.cfg, all extras, with hashes
	@$(COMPILE) --upgrade --excludes <(echo xformers) --output-file requirements.lock
	@cp requirements.lock requirements-turing.lock
	@$(COMPILE) --constraints <(printf 'torch<2.11\ntorchao<0.17\n') --output-file requirements-turing.lock
	@sed -i '\|-c /dev/fd/|d' requirements-turing.lock
	@for lock in requirements.lock requirements-turing.lock; do \
	  if grep -nE '://' $$lock; then echo "$$lock names a host"; rm $$lock; exit 1; fi; \
	  echo "$$lock: $$(grep -c '==' $$lock) packages"; \
	done

bench: base-model ## the speed ratios; results go to bench/results/
	@for script in bench/*.py; do printf '\033[1m==>\033[0m %s\n' "$$script"; $(BIN)/python "$$script"; done

clean: ## build files and caches; the environment, models and exports stay
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis unsloth_compiled_cache
	@find tweetstyle tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "kept: $(VENV)/ .cache/ model/ export/ data/ (remove them by hand)"
