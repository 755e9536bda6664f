# What you can do here. Everything is installed into .venv; nothing else on the machine is changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options
INSTALLED_TRAIN := $(VENV)/.installed-train
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install demo test check format bench train evaluate schemas constraints clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): $(BIN)/python pyproject.toml constraints/run.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r constraints/run.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(INSTALLED_DEV): $(INSTALLED) constraints/dev.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r constraints/dev.txt
	@touch $@

$(INSTALLED_TRAIN): $(INSTALLED_DEV)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[train]"
	@touch $@

install: $(INSTALLED) ## Install the program into .venv, so that .venv/bin/falsepassage runs

demo: $(INSTALLED) ## Run everything on this machine and watch it (ARGS="--seconds 30" ends by itself)
	$(BIN)/falsepassage demo $(ARGS)

test: $(INSTALLED_DEV) ## Run all tests, those against a real Kafka too (ARGS="-k worker" picks)
	$(BIN)/python -m pytest $(ARGS)

check: $(INSTALLED_DEV) ## Lint, check types and that generated files are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m serving.schemas --check

format: $(INSTALLED_DEV) ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(INSTALLED_DEV) ## Measure the worker beside a bare consumer loop
	$(BIN)/python -m tests.benchmarks.bench_worker $(ARGS)

train: $(INSTALLED_TRAIN) ## Make the model anew, in about an hour (ARGS="--ordinary FILE")
	$(BIN)/falsepassage train classifier/model $(ARGS)

evaluate: $(INSTALLED_TRAIN) ## Measure the model and write docs/evaluation (ARGS="--real FILE --work build/training")
	$(BIN)/falsepassage evaluate docs/evaluation $(ARGS)

schemas: $(INSTALLED_DEV) ## Write the JSON Schemas, asyncapi.yaml and the tables of the documentation anew
	$(BIN)/python -m serving.schemas

constraints: $(BIN)/python ## Pin the newest versions that fit, with their hashes
	$(BIN)/python -m pip install --quiet pip-tools
	rm -f constraints/run.txt constraints/dev.txt
	$(COMPILE) --extra build --extra tansu --output-file constraints/run.txt pyproject.toml
	$(COMPILE) --extra build --extra tansu --extra dev --output-file constraints/dev.txt pyproject.toml

clean: ## Remove .venv and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
