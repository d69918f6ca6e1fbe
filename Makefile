# make demo: environment, two models trained on the embedded sneakers, a comparison of them. make test: all checks.
PYTHON ?= python3
BIN := .venv/bin
# wheels of the tested torch come first, so that nothing pulls another, much larger one
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test test-all lint clean

# --beta 40: in a minute the bound itself (1) reconstructs well but leaves holes between the codes; a heavier
# KL term closes them, so that random codes are shoes too
VAE := vae sneakers --preset small --batch 32 --beta 40 --budget 80s --run demo-vae
DCGAN := dcgan sneakers --preset small --batch 32 --budget 80s --run demo-dcgan

demo: .venv/ready
	@test -f runs/demo-vae/report.html || $(BIN)/imaginable train $(VAE)
	@test -f runs/demo-dcgan/report.html || $(BIN)/imaginable train $(DCGAN)
	@$(BIN)/imaginable morph runs/demo-vae 0 1 2 3 --out runs/demo-morph.gif
	@$(BIN)/imaginable compare runs/demo-vae runs/demo-dcgan --data sneakers --out runs/demo.html > runs/demo.txt
	@tail -n 1 runs/demo.txt
	@echo "open runs/demo.html (which of the two is better, and at what) and runs/demo-morph.gif"
	@echo "     runs/demo-vae/report.html and runs/demo-dcgan/report.html (how they trained); to train anew: rm -r runs/demo-*"

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow"

test-all: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "imaginable needs Python 3.11 or newer; name one with: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) torch
	$(PIP) --editable .
	touch $@

.venv/dev: .venv/ready
	$(PIP) --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
