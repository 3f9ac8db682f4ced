# Two commands do everything: `make run` and `make test`. The rest are their parts.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEMPLATES := template.yaml $(filter-out infra/compose.yaml,$(wildcard infra/*.yaml))

.DEFAULT_GOAL := run
.PHONY: run test check audit check-aws check-aws-templates check-aws-runtime fuzz shippers unit integration chaos aws image-check bench lock format clean

run: $(STAMP)
	@exec $(BIN)/oddline up

# In the order of the folders, so that files of few and long tests come first: xdist would leave them for the end.
test: $(STAMP) check
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder tests

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit --quiet --recursive -c pyproject.toml oddline functions worker_image bench
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/cfn-lint $(TEMPLATES)

# What needs tools that weigh 600 MB and whose pins clash with ours; no network once they are installed, no account.
check-aws: check-aws-templates check-aws-runtime

check-aws-templates: .venv-sam/.installed .venv-checkov/.installed
	for template in $(TEMPLATES); do \
	  SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam validate --lint --region us-east-1 --template $$template || exit 1; done
	.venv-checkov/bin/checkov --skip-download --framework cloudformation --quiet --compact $(TEMPLATES:%=--file %)

# The functions as `sam build` packs them, run here by Lambda's runtime client; then as they are deployed, looked at.
HERE := LAMBDA_PYTHON=$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])') \
  LAMBDA_ARCHITECTURE=$(patsubst aarch64,arm64,$(shell uname -m))
SAM_BUILD = SAM_CLI_TELEMETRY=0 PYTHON=$(CURDIR)/$(BIN)/python .venv-sam/bin/sam build --region us-east-1

check-aws-runtime: $(STAMP) .venv-sam/.installed
	$(HERE) $(SAM_BUILD) --build-dir .aws-sam/here
	$(HERE) $(BIN)/pytest --packages .aws-sam/here tests/aws/test_packages.py tests/aws/test_runtime.py
	$(SAM_BUILD)
	$(BIN)/pytest --packages .aws-sam/build tests/aws/test_packages.py

# What breaks a route, so many examples of each as each role; what breaks a parser, searched for by coverage, ten minutes
# each; what is found becomes a test.
FUZZ_EXAMPLES ?= 100
FUZZ_SECONDS ?= 600

fuzz: $(STAMP) .venv-atheris/.installed
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/pytest --timeout 0 tests/fuzz
	for target in take_body mask read_file read_log_events read_otlp read_loki; do PYTHONPATH=$(CURDIR):$$(echo $(CURDIR)/$(VENV)/lib/python*/site-packages) \
	  .venv-atheris/bin/python tests/fuzz/coverage_guided.py $$target -max_total_time=$(FUZZ_SECONDS) -max_len=4096 || exit 1; done

# Every shipper, as a process where it can be had here, with thousands of lines; the table goes to bench/shippers.md.
shippers: $(STAMP)
	-tests/tools/omhttp.sh $(CURDIR)/.shippers/debian/rsyslog
	$(BIN)/pytest --full-length --shippers-table bench/shippers.md tests/integration/ingest/test_shippers.py
	cat bench/shippers.md

.venv-%/.installed: tests/tools/%.txt
	@echo "installing into .venv-$*: about a minute"
	@test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# Asks PyPI what is known of each package of the lock file, of which all others are parts; without the network it fails.
audit: .venv-audit/.installed
	.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement requirements.lock

unit integration aws: $(STAMP)
	$(BIN)/pytest tests/$@

chaos: $(STAMP)
	$(BIN)/pytest --full-length --chaos-table bench/chaos.json tests/chaos

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
	$(LOCK) --extra http --extra worker --extra search --extra flower --extra local --extra collect --extra dev \
	  --output-file requirements.lock
	$(IMAGE_LOCK) --extra worker --extra flower --extra cli --output-file worker_image/requirements.lock
	$(IMAGE_LOCK) --extra search --output-file functions/search/requirements.lock
	$(IMAGE_LOCK) --extra http --extra worker --extra cli --extra serve --output-file infra/requirements.lock
	@for function in ingest console schedules triggers; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --no-header --no-annotate \
	    --constraint requirements.lock --excludes functions/left_out.txt \
	    functions/$$function/requirements.in --output-file functions/$$function/requirements.txt || exit 1; done

# What `sam build` calls for each zip function of the template: build-<its name there>.
LAMBDA_PYTHON ?= 3.14
LAMBDA_ARCHITECTURE ?= arm64
# By Lambda's own Python where it is here: only that one can compile what it will run, and a cold start without is four
# times as long.
PACKAGER = $$(python$(LAMBDA_PYTHON) -m pip --version >/dev/null 2>&1 && echo python$(LAMBDA_PYTHON) || echo $(PYTHON))
PACKAGE = $(PACKAGER) functions/package.py --to "$(ARTIFACTS_DIR)" --python $(LAMBDA_PYTHON) --architecture $(LAMBDA_ARCHITECTURE)

build-Ingest:
	$(PACKAGE) ingest

build-Console:
	$(PACKAGE) console

build-LogEvents build-UploadedFiles:
	$(PACKAGE) triggers

build-%:
	$(PACKAGE) schedules

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	-test ! -x $(BIN)/oddline || $(BIN)/oddline stop --forget
	rm -rf $(VENV) .venv-* .aws-sam .image .shippers
