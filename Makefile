# The commands of this repository. `make search` and `make test` need Python >= 3.11 and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
unexport PYTHONDONTWRITEBYTECODE  # else each of the many processes that tests start would compile the package anew
FAULTS := test_faults.py test_train_evaluator.py test_silence.py test_fork_limits.py test_slots.py test_sizes.py supernet/test_weights.py

.PHONY: search test check slow faults exhaustive lint types bench clean

search: $(READY)  ## set up, then search with the defaults: offline roles, real training on the embedded digits
	$(BIN)/navarch run

test: $(READY) lint types  ## set up, then everything that CI runs
	$(BIN)/python -m pytest -m "not exhaustive" -n 2 -q

check: $(READY) lint types  ## the quick loop: lint, types, quick tests
	$(BIN)/python -m pytest -m "not slow" -n 2 -q --hypothesis-profile=quick

slow: $(READY)  ## the slow suites alone
	$(BIN)/python -m pytest -m "slow and not exhaustive" -n 2 -q

exhaustive: $(READY)  ## everything of which CI runs a slice: a thousand networks of every search space, ...
	$(BIN)/python -m pytest -m exhaustive -n 2 -q

faults: $(READY)  ## every way in which a trial can go wrong, to the full number: out of memory, crashes, hangs, kills
	$(BIN)/python -m pytest $(addprefix tests/evaluation/,$(FAULTS)) -n 2 -q

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

bench: $(READY)  ## the benchmarks; each prints ratios against a stated baseline
	$(BIN)/python benchmarks/task_ranking.py
	$(BIN)/python benchmarks/learning.py
	$(BIN)/python benchmarks/loop.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/spaces.py
	$(BIN)/python benchmarks/training.py

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Navarch needs Python >= 3.11, and $(PYTHON) is " + sys.version.split()[0] + ": run make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)
