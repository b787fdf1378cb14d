# make demo: a real Airflow generates two clips and upscales them.   make test: all checks and all tests.
PYTHON ?= python3
AIRFLOW := 3.3.2
FLOOR := 3.2.2
# Without bytecode each process of Airflow compiles all that it imports.
unexport PYTHONPATH PYTHONDONTWRITEBYTECODE
# Two installs at the same time would write the same files.
.NOTPARALLEL:
# The Python version is part of the stamp's name, so another Python rebuilds the environments.
READY := .ready-$(shell "$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)

# The tests that `make unit` selects; `make unit T=tests/api` runs one folder.
T = tests

.PHONY: help demo unit fmt test test-distributed test-hostile lint docs bench pins release-check clean
help:
	@echo "make demo   generate two clips and upscale them with a real Airflow (local sandbox: no key, no cost)"
	@echo "make unit   the fast tests, on Airflow $(AIRFLOW); make unit T=tests/api runs one folder"
	@echo "make fmt    fix what ruff can fix, and format"
	@echo "make lint   style, types and import layers"
	@echo "make docs   the docs site, in build/docs; a warning or a dead link fails it"
	@echo "make test   lint and all tests, on Airflow $(FLOOR) and $(AIRFLOW); those of make test-distributed on a smaller scale"
	@echo "make test-distributed"
	@echo "            two triggerers and two workers on PostgreSQL and Redis; sixty days and 300 clips, and one of each is killed"
	@echo "make test-hostile"
	@echo "            hostile answers, and outages of two minutes with 150 waits, on PostgreSQL: ten minutes"
	@echo "make bench  the benchmarks: each prints one table, and fails if it misses a bound"
	@echo "make pins   rewrite the pinned sets in .ci/"
	@echo "make release-check"
	@echo "            build sdist and wheel into dist/, and check that they can be published (QUICK=1: fewer tests)"
	@echo "make clean  delete the environments and all build output"

demo: .venv/$(READY)
	@.venv/bin/python -m demo

# Four workers on two cores: half of the time of these tests is waiting for answers.
unit: .venv/$(READY)
	@env -u LEMONDATA_API_KEY .venv/bin/python -m pytest -q -n 4 --dist worksteal \
		-m "not e2e and not browser and not slow and not distributed and not hostile" $(T)

fmt: .venv/$(READY)
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format --quiet .

test: .venv/$(READY) .venv-floor/$(READY) .venv-wheel/$(READY) .venv-distributed/$(READY)
	@env -u LEMONDATA_API_KEY .ci/test

test-distributed: .venv-distributed/$(READY)
	@env -u LEMONDATA_API_KEY .venv-distributed/bin/python -m pytest --quiet -p no:xdist tests/distributed

test-hostile: .venv-distributed/$(READY)
	@.venv-distributed/bin/python -m pytest --quiet -p no:xdist -m hostile tests/hostile

lint: .venv/$(READY)
	@.ci/lint

docs: .venv/$(READY)
	@.ci/docs

bench: .venv/$(READY) .venv-distributed/$(READY)
	@env -u LEMONDATA_API_KEY .ci/bench

pins: .venv/$(READY)
	@PATH="$(CURDIR)/.venv/bin:$$PATH" .ci/pins

release-check: .venv/$(READY)
	@env -u LEMONDATA_API_KEY .ci/release-check $(AIRFLOW)

clean:
	rm -rf .venv .venv-* .demo build dist out .coverage*

# Make rebuilds an environment if one of its inputs changed, and reuses it otherwise.
INPUTS := Makefile pyproject.toml setup.cfg .ci/venv
SOURCES := $(shell find lemondata_provider dags -type f -not -name '*.pyc')

.venv/$(READY): .ci/airflow-$(AIRFLOW).txt $(INPUTS)
	@.ci/venv "$(PYTHON)" .venv $< --editable $(READY)
.venv-floor/$(READY): .ci/airflow-$(FLOOR).txt $(INPUTS)
	@.ci/venv "$(PYTHON)" .venv-floor $< --editable $(READY)
.venv-wheel/$(READY): .ci/airflow-$(AIRFLOW).txt $(INPUTS) $(SOURCES)
	@.ci/venv "$(PYTHON)" .venv-wheel $< --wheel $(READY)
.venv-distributed/$(READY): .ci/distributed.txt $(INPUTS) $(SOURCES)
	@.ci/venv "$(PYTHON)" .venv-distributed $< --wheel $(READY)
