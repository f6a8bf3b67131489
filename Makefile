# `make` lists the targets. The first one that needs Python makes .venv and installs into it.
#   PYTHON=python3.12   the interpreter to make .venv with (3.11 to 3.13)
#   STEPS=1000          a shorter or longer training
#   ARGS="--seed 1"     any further options of the command

RUN := .venv/bin/python -m
CODE := gan experiments tests
LENGTH = $(if $(STEPS),--steps $(STEPS))

# Each is a file in experiments/. Those in the second line need Keras 2 and PyTorch.
SCRIPTS := report growth scale overview classifier ranked-sampling optimal-discriminator frozen-discriminator drawn-digits
COMPARISONS := bench parity reproduce-documents

.PHONY: help generate evaluate runs play $(SCRIPTS) $(COMPARISONS) two-workers test test-slow test-page test-faults lint format clean clean-runs

# `make` prints the lines that begin with `#:`.
help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: targets (further options of a command: make train-dense ARGS="--seed 1 --name second"):
#:   train-DESIGN      train dense, dense-sgd, d-on-g, mlp or dcgan
train-%: .venv/installed
	@$(RUN) gan.train $* $(LENGTH) $(ARGS)

#:   generate          draw new images with your newest run
generate: .venv/installed
	@$(RUN) gan.generate $(ARGS)

#:   evaluate          measure your newest run against real MNIST
evaluate: .venv/installed
	@$(RUN) gan.evaluate $(ARGS)

#:   runs              list your runs, their length and state
runs: .venv/installed
	@$(RUN) gan.generate --list $(ARGS)

#:   play              write images/play.html, on which two generators run in your browser
play: .venv/installed
	@$(RUN) gan.export --page images/play.html --shipped $(ARGS)

#:   two-workers       train dcgan with two processes on this machine
two-workers: .venv/installed
	@.venv/bin/python experiments/two_workers.py dcgan $(LENGTH) $(ARGS)

#:   study-NAME        train and measure a study of experiments/studies.py, such as dense (hours)
study-%: .venv/installed
	@.venv/bin/python experiments/study.py $* $(LENGTH) $(ARGS)

#:   bench, parity     compare speed and steps with the documents' own code (half an hour)
#:   growth, scale     measure larger batches, images and files, or several devices (20 minutes)
#:   report            write the stored figures into the pages
#:   other experiments: reproduce-documents, overview, classifier, ranked-sampling,
#:                     optimal-discriminator, frozen-discriminator, drawn-digits
$(SCRIPTS): .venv/installed
$(COMPARISONS): .venv/experiments
$(SCRIPTS) $(COMPARISONS):
	@.venv/bin/python experiments/$(subst -,_,$@).py $(ARGS)

#:   test              run the tests
test: .venv/installed
	@$(RUN) pytest -q -n 2 --dist loadscope -m "not slow and not browser" tests

#:   test-slow         run the slow tests: many devices, killed workers, shipped weights (half an hour)
test-slow: .venv/installed
	@$(RUN) pytest -q -m slow tests

#:   test-page         run the tests of the pages in headless Chromium (Debian: installs it)
test-page: .venv/installed
	@command -v chromium || command -v chromium-browser || command -v google-chrome || apt-get install -y chromium
	@$(RUN) pytest -q -m browser tests

#:   test-faults       kill, damage and misuse the commands (half an hour)
test-faults: .venv/installed
	@.venv/bin/python tests/faults.py $(ARGS)

#:   lint              check style, format and the direction of imports
lint: .venv/installed
	@$(RUN) ruff check $(CODE) && $(RUN) ruff format --check $(CODE) && .venv/bin/lint-imports --no-cache --no-logo

#:   format            fix what lint can fix
format: .venv/installed
	@$(RUN) ruff check --fix $(CODE) ; $(RUN) ruff format $(CODE)

#:   clean             remove .venv and caches; keep runs and pictures
clean:
	rm -rf .venv .pytest_cache .ruff_cache
	find gan experiments tests -name __pycache__ -exec rm -rf {} +

# What ships lies in folders called reference; a folder that is not of a run, or a link, stays, and
# so does a run that is being trained.
RUNS = for folder in images/* experiments/*; do name=$${folder\#*/}; lock=experiments/$$name/lock; \
	if [ -d "$$folder" ] && [ ! -L "$$folder" ] && [ "$$name" != reference ] && \
	  { [ -f "experiments/$$name/config.json" ] || [ "$${folder\#images/shipped-}" != "$$folder" ]; } && \
	  { [ ! -f "$$lock" ] || ! command -v flock >/dev/null || flock -n "$$lock" true; }; \
	then $(1); fi; done

#:   clean-runs        delete all runs and their pictures, after asking
clean-runs:
	@folders=`$(call RUNS,du -sh "$$folder")`; \
	if [ -z "$$folders" ]; then echo "no runs to delete"; exit 0; fi; \
	echo "$$folders"; printf 'delete these folders for good? [y/N] '; read answer; \
	case "$$answer" in [yY]) $(call RUNS,rm -rf "$$folder"); echo deleted;; *) echo "nothing deleted";; esac

# The first of these interpreters that runs, is of a version TensorFlow has wheels for, and can
# make a virtual environment.
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)

.venv/installed: requirements.txt
	@set -e; for python in $(PYTHONS); do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	      2>/dev/null; then \
	    echo "making .venv with `$$python --version` and installing (a minute or two)"; \
	    rm -rf .venv; $$python -m venv .venv; \
	    .venv/bin/python -m pip install -qq --disable-pip-version-check -r requirements.txt; \
	    touch $@; exit 0; \
	  fi; \
	done; \
	echo "error: no Python 3.11, 3.12 or 3.13 with venv among: $(PYTHONS)." \
	  "Install one (on Debian also python3-venv), or name it: make PYTHON=/path/to/python" >&2; \
	exit 2

# Keras 2 and PyTorch, which only the comparisons need.
.venv/experiments: .venv/installed experiments/requirements.txt
	@echo "installing what the documents' own code needs"
	@$(RUN) pip install -qq --disable-pip-version-check -r experiments/requirements.txt
	@touch $@
