# Everything runs in .venv, which is made from the lock files on first use (hash-checked, 1–2 minutes).
# Needed on the machine: python3 ≥ 3.11 with venv, make, and a package index that pip or uv can reach.

PYTHON ?= python3
STUDY ?= data/sample
BIN := .venv/bin
# uv from the machine, or from the lock by way of pip
UV := $(or $(shell command -v uv 2>/dev/null),$(BIN)/uv)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help report test lab lint format map lock bench calibrate clean clean-all

# Without bytecode every kernel would compile pandas and statsmodels again: seconds each time.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE
# Another project's environment must not leak in; a cache on another disk is no reason to warn.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME
export UV_LINK_MODE := copy

help:
	@echo 'make report   run the sample study (STUDY=folder for yours; ARGS="--force" for options of exlink run)'
	@echo 'make test     run the test suite   (ARGS="tests/publish -x" for options of pytest)'
	@echo 'make lab      open the notebooks in JupyterLab'
	@echo 'make lint     check style          make format   correct it'
	@echo 'make map      write the module map of ARCHITECTURE.md anew'
	@echo 'make bench    time mixed models beside lme4, statsmodels and gpboost, up to an hour (ARGS="--quick": minutes)'
	@echo 'make calibrate  simulate studies with known truth and count how often intervals hold it, about 15 minutes'
	@echo 'make lock     resolve the lock files anew after a change of pyproject.toml'
	@echo 'make clean    remove reports and caches (clean-all: the environment too)'

report: .venv/.for-report
	@$(BIN)/exlink run $(STUDY) $(ARGS)

test: .venv/.for-test
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

lab: .venv/.for-report
	@cd notebooks && JUPYTER_PREFER_ENV_PATH=1 ../$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

lint: .venv/.for-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: .venv/.for-test
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

map: .venv/.for-test
	@$(BIN)/python tests/test_architecture.py

bench: .venv/.for-report .venv/.for-bench
	@$(BIN)/python -m benchmarks.lmm $(ARGS)

calibrate: .venv/.for-report
	@$(BIN)/python -m benchmarks.calibration $(ARGS)

# The lock files hold versions and hashes only; where packages come from is the machine's affair.
COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --extra build
lock: | $(BIN)/pip $(UV)
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) --extra test -c requirements.lock pyproject.toml -o requirements-test.lock
	$(COMPILE) --extra bench -c requirements.lock pyproject.toml -o benchmarks/requirements.lock \
	    $$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements.lock | sort -u)

clean:
	rm -rf reports .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -path ./.venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -exec rm -rf {} +

clean-all: clean
	rm -rf .venv

# -- the environment ---------------------------------------------------------------------------------
# Stamps in .venv remember what was installed, so that a second call does nothing.

.venv/.for-report: requirements.lock pyproject.toml | $(BIN)/pip $(UV)
	@echo 'exlink: installing what reports need into .venv (once, 1–2 minutes)'
	$(call install,requirements.lock)
	@touch $@

.venv/.for-test: requirements-test.lock pyproject.toml | $(BIN)/pip $(UV)
	@echo 'exlink: installing what reports and tests need into .venv (once, 1–2 minutes)'
	$(call install,requirements-test.lock)
	@touch .venv/.for-report $@

# What only the benchmark needs stands apart: .venv itself stays what the locks above say.
.venv/.for-bench: benchmarks/requirements.lock | $(BIN)/pip $(UV)
	@echo 'exlink: installing gpboost into .venv/bench (once; benchmarks run beside whoever is there)'
	@$(index) $(UV) pip install --quiet --python $(BIN)/python --target .venv/bench --no-deps --require-hashes -r $<
	@touch $@

# uv does not read pip's settings, so a mirror that is set for pip is handed on.
index = index="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}}"; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$$index"; fi;
define install
	@$(index) \
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(1) && \
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
endef

$(BIN)/uv: | $(BIN)/pip
	@echo 'exlink: this machine has no uv; installing it into .venv'
	@awk '/^uv==/ { on = 1 } on { print } on && !/\\$$/ { exit }' requirements.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock

$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { \
	    echo 'exlink needs Python 3.11 or newer, and there is no $(PYTHON) on this machine.' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "exlink needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo 'exlink needs the venv module of $(PYTHON), which Debian and Ubuntu package apart: apt-get install python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv .venv
