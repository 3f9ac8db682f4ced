# Two commands do everything: `make run` and `make test`. The rest are their parts.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := run
.PHONY: run test check unit integration chaos aws image-check bench lock format clean

run: $(STAMP)
	@exec $(BIN)/oddline up

test: $(STAMP) check
	$(BIN)/pytest --numprocesses 2 --dist loadfile tests

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/cfn-lint template.yaml

unit integration aws: $(STAMP)
	$(BIN)/pytest tests/$@

chaos: $(STAMP)
	$(BIN)/pytest --full-length tests/chaos

# For root on Debian: builds both images, runs them, measures them.
image-check: $(STAMP)
	tests/image/build.sh
	$(BIN)/pytest -s tests/image/check_images.py

bench: $(STAMP)
	$(BIN)/python -m bench

# The lock file names every package with its hashes; pip checks them, and builds nothing else into the environment.
$(STAMP): requirements.lock pyproject.toml
	@echo "installing into $(VENV): about a minute"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

# One resolution for all; each image installs the part of it that it needs.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --no-header pyproject.toml
IMAGE_LOCK := $(LOCK) --constraints requirements.lock --excludes worker_image/excluded.txt

lock:
	$(LOCK) --extra http --extra worker --extra search --extra local --extra collect --extra dev \
	  --output-file requirements.lock
	$(IMAGE_LOCK) --extra worker --extra cli --output-file worker_image/requirements.lock
	$(IMAGE_LOCK) --extra search --output-file functions/search/requirements.lock
	$(IMAGE_LOCK) --extra http --extra worker --extra cli --extra serve --output-file infra/requirements.lock

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	-test ! -x $(BIN)/oddline || $(BIN)/oddline stop --forget
	rm -rf $(VENV) .image
