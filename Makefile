# `make` alone lists the targets. Each sets up what it needs in .venv.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test coverage check slow bench bench-report docs docs-site dashboard clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

demo: .venv/.installed  ## a sweep of 20 trials with pruning on embedded data, no account, no network
	WANDB_MODE=offline $(BIN)/python -m vae -m sweep=quick data=mnist_5k
	@echo "in this shell, python and vae-eval are those of .venv after: source $(BIN)/activate"

test: check  ## linters, type checker and the tests
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

coverage: .venv/.installed  ## the tests with coverage, which takes longer
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow" --cov --cov-report=term

check: .venv/.installed  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

slow: .venv/.installed  ## tests that take minutes; those on real MNIST need VAE_DATA
	$(BIN)/python -m pytest -n $(JOBS) -m slow

BENCH ?= epoch start trials growth memory tracking

bench: .venv/.bench  ## an epoch beside other programs and its floor, start-up, trials per hour, growth, memory, W&B; BENCH=epoch: one
	@for name in $(BENCH); do $(BIN)/python scripts/bench_$$name.py || exit 1; done

bench-report: .venv/.installed  ## the report of 1,000 trials: seconds to write and to open, size
	$(BIN)/python scripts/bench_report.py

docs: .venv/.installed  ## the pictures of the documentation; needs MNIST and chromium
	$(BIN)/python scripts/reproduce.py classic
	cp results/reproduced/classic/samples_epoch_010.png docs/pictures/samples.png
	cp results/reproduced/classic/reconstruction_epoch_010.png docs/pictures/reconstructions.png
	cp results/reproduced/classic/curves.png docs/pictures/curves.png
	$(BIN)/python scripts/draw_pictures.py

docs-site: .venv/.docs  ## the documentation as a site in site/; fails at a broken link or anchor
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

PORT ?= 8080

dashboard: .venv/.dashboard  ## Optuna's live page of the newest study, or of STUDY=NAME, at http://127.0.0.1:8080 (PORT=N)
	@$(BIN)/python scripts/dashboard.py --port $(PORT)

clean:  ## removes .venv and caches, keeps results
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist site *.egg-info .coverage

.venv/.installed: setup.cfg setup.py pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	@touch $@

.venv/.docs: .venv/.installed
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	@touch $@

.venv/.bench: .venv/.installed
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	@touch $@

.venv/.dashboard: .venv/.installed
	$(BIN)/python -m pip install --quiet --editable ".[dashboard]"
	@touch $@
