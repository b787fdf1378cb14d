# make demo: watch a real Airflow generate two clips and upscale them.   make test: everything that must hold.
PYTHON ?= python3
AIRFLOW := 3.3.2
FLOOR := 3.2.2
unexport PYTHONPATH
# Two installs at once would write the same files.
.NOTPARALLEL:
# Part of the stamps' names, so that another Python makes the environments anew.
READY := .ready-$(shell "$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)

.PHONY: help demo test test-distributed lint bench pins clean
help:
	@echo "make demo   generate two clips and upscale them with a real Airflow (local sandbox: no key, no cost)"
	@echo "make test   lint, types, layers and all tests, on Airflow $(FLOOR) and $(AIRFLOW)"
	@echo "make test-distributed"
	@echo "            two triggerers and two workers on PostgreSQL and Redis, of which one each is killed"
	@echo "make lint   lint, types and layers only"
	@echo "make bench  the benchmarks, each prints one table"
	@echo "make pins   write the pinned sets in .ci/ again"

demo: .venv/$(READY)
	@.venv/bin/python -m demo

test: .venv/$(READY) .venv-floor/$(READY) .venv-wheel/$(READY)
	@env -u LEMONDATA_API_KEY .ci/test

test-distributed: .venv-distributed/$(READY)
	@env -u LEMONDATA_API_KEY .ci/test-distributed

lint: .venv/$(READY)
	@.ci/lint

bench: .venv-bench/$(READY)
	@env -u LEMONDATA_API_KEY .ci/bench

pins: .venv/$(READY)
	@.venv/bin/pip install --quiet uv && PATH="$(CURDIR)/.venv/bin:$$PATH" .ci/pins

clean:
	rm -rf .venv .venv-* .demo build dist out .coverage*

# Each environment is made anew when what it is made of has changed, and reused otherwise.
MADE_OF := Makefile pyproject.toml setup.cfg .ci/venv
SOURCES := $(shell find lemondata_provider -type f -not -name '*.pyc')

.venv/$(READY): .ci/airflow-$(AIRFLOW).txt $(MADE_OF)
	@.ci/venv "$(PYTHON)" .venv $< --editable $(READY)
.venv-floor/$(READY): .ci/airflow-$(FLOOR).txt $(MADE_OF)
	@.ci/venv "$(PYTHON)" .venv-floor $< --editable $(READY)
.venv-wheel/$(READY): .ci/airflow-$(AIRFLOW).txt $(MADE_OF) $(SOURCES)
	@.ci/venv "$(PYTHON)" .venv-wheel $< --wheel $(READY)
.venv-bench/$(READY): .ci/bench.txt $(MADE_OF) $(SOURCES)
	@.ci/venv "$(PYTHON)" .venv-bench $< --wheel $(READY)
.venv-distributed/$(READY): .ci/distributed.txt $(MADE_OF) $(SOURCES)
	@.ci/venv "$(PYTHON)" .venv-distributed $< --wheel $(READY)
