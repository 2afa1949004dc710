# SPDX-License-Identifier: EUPL-1.2
# Two commands: `make demo` runs the main job in the lab, `make test` runs every check of the project.
# Both install what they need first (setup.sh). PYTHON=python3.13 picks an interpreter.

# Interpreters that pyenv keeps are offered to tox, behind the system's own.
export PATH := $(PATH):$(subst $(eval) ,:,$(wildcard $(HOME)/.pyenv/versions/3.1[123]*/bin))

.PHONY: help setup demo test lock clean

help:
	@echo "make demo   build a small school in the lab, roll it out, prove it, reboot it, report it"
	@echo "make test   lint, types, unit tests, lab tests (what CI runs)"
	@echo "make lock   renew the locked requirements after a change of pyproject.toml (needs uv)"
	@echo "make clean  stop the lab and remove what make made"

setup:
	@./setup.sh

demo: setup
	@.venv/bin/verbund demo $(DEMO_ARGS)

test: setup
	@.venv/bin/tox run $(TOX_ARGS)

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --no-annotate pyproject.toml -o requirements/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --no-annotate --extra dev pyproject.toml -o requirements/dev.txt

clean:
	@if [ -x .venv/bin/verbund ]; then .venv/bin/verbund lab down; fi
	rm -rf .venv .tox .verbund .mypy_cache .ruff_cache .pytest_cache .hypothesis .ansible
