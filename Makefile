# `make` lists the targets. The first one that needs Python makes .venv and installs into it.
#   PYTHON=python3.12   the interpreter to make .venv with (3.11 to 3.13)
#   STEPS=1000          a shorter or longer training
#   ARGS="--seed 1"     any further options of the command

RUN := .venv/bin/python -m
CODE := gan experiments tests
TRAIN = $(RUN) gan.train $(1) $(if $(STEPS),--steps $(STEPS)) $(ARGS)

.PHONY: help train-dense train-dense-sgd train-d-on-g train-mlp train-dcgan generate evaluate play report classifier ranked next-steps batchnorm theory overview reproduce-documents frozen digits-check bench growth parity scale two-workers test test-slow test-page test-faults lint format clean clean-runs

help:
	@echo "targets (further options of a command: make train-dense ARGS=\"--seed 1 --name second\"):"
	@sed -n 's/^\([a-z%-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

train-dense: .venv/installed  ## train the dense GAN of the Keras GAN class
	@$(call TRAIN,dense)

train-dense-sgd: .venv/installed  ## train the same nets with plain SGD: the SGD article
	@$(call TRAIN,dense-sgd)

train-d-on-g: .venv/installed  ## train the convolutional GAN of the d_on_g notebook
	@$(call TRAIN,d-on-g)

train-mlp: .venv/installed  ## train the dense GAN of the PyTorch article
	@$(call TRAIN,mlp)

train-dcgan: .venv/installed  ## train the DCGAN of the DCGAN article
	@$(call TRAIN,dcgan)

generate: .venv/installed  ## draw new images with your newest run
	@$(RUN) gan.generate $(ARGS)

evaluate: .venv/installed  ## measure your newest run against real MNIST
	@$(RUN) gan.evaluate $(ARGS)

reproduce-documents: .venv/experiments  ## train the documents' own code and measure it (6 hours)
	@.venv/bin/python experiments/reproduce_documents.py $(ARGS)

reproduce-%: .venv/installed  ## train a design at full length with every seed and measure it (hours)
	@.venv/bin/python experiments/reproduce.py $* $(ARGS)

play: .venv/installed  ## write images/play.html, on which two generators run in your browser
	@$(RUN) gan.export --page images/play.html --shipped $(ARGS)

report: .venv/installed  ## write the stored figures into the pages and print the main table
	@.venv/bin/python experiments/report.py

classifier: .venv/installed  ## train the classifier that evaluate uses (10 minutes)
	@.venv/bin/python experiments/classifier.py

ranked: .venv/installed  ## measure what --nice costs in diversity (15 minutes)
	@.venv/bin/python experiments/ranked_sampling.py $(ARGS)

next-steps: .venv/installed  ## train dense with other latent sizes, lengths and data (50 minutes)
	@.venv/bin/python experiments/next_steps.py $(ARGS)

batchnorm: .venv/installed  ## measure what the BatchNorm of 2018 changes in dense (20 minutes)
	@.venv/bin/python experiments/batchnorm.py $(ARGS)

theory: .venv/installed  ## compare a trained discriminator with the best possible one (1 minute)
	@.venv/bin/python experiments/optimal_discriminator.py

overview: .venv/installed  ## draw rows of digits of each design and of its document's own code
	@.venv/bin/python experiments/overview.py

frozen: .venv/installed  ## show that the Keras GAN class never trains D on Keras 3
	@.venv/bin/python experiments/frozen_discriminator.py

digits-check: .venv/installed  ## measure how similar the built-in digits are to MNIST (needs GAN_DATA)
	@.venv/bin/python experiments/drawn_digits.py

bench: .venv/experiments  ## compare the speed with the documents' own code (20 minutes)
	@.venv/bin/python experiments/bench.py $(ARGS)

growth: .venv/installed  ## measure what larger batches, images and files cost (15 minutes)
	@.venv/bin/python experiments/growth.py $(ARGS)

parity: .venv/experiments  ## train side by side with the documents' own code and compare (8 minutes)
	@.venv/bin/python experiments/parity.py

scale: .venv/installed  ## measure step time and data exchange on several devices (5 minutes)
	@.venv/bin/python experiments/scale.py

two-workers: .venv/installed  ## train dcgan with two processes on this machine
	@.venv/bin/python experiments/two_workers.py dcgan $(if $(STEPS),--steps $(STEPS)) $(ARGS)

test: .venv/installed  ## run the tests
	@$(RUN) pytest -q -n 2 --dist loadscope -m "not slow and not browser" tests

test-slow: .venv/installed  ## run the slow tests: many devices, killed workers, shipped weights (half an hour)
	@$(RUN) pytest -q -m slow tests

test-page: .venv/installed  ## run the tests of the pages in headless Chromium (Debian: installs it)
	@command -v chromium || command -v chromium-browser || command -v google-chrome || apt-get install -y chromium
	@$(RUN) pytest -q -m browser tests

test-faults: .venv/installed  ## kill, damage and misuse the commands (half an hour)
	@.venv/bin/python tests/faults.py $(ARGS)

lint: .venv/installed  ## check style, format and the direction of imports
	@$(RUN) ruff check $(CODE) && $(RUN) ruff format --check $(CODE) && .venv/bin/lint-imports --no-cache --no-logo

format: .venv/installed  ## fix what lint can fix
	@$(RUN) ruff check --fix $(CODE) ; $(RUN) ruff format $(CODE)

clean:  ## remove .venv and caches; keep runs and pictures
	rm -rf .venv .pytest_cache .ruff_cache
	find gan experiments tests -name __pycache__ -exec rm -rf {} +

# What ships lies in folders called reference; a folder that is not of a run, or a link, stays, and
# so does a run that is being trained.
RUNS = for folder in images/* experiments/*; do name=$${folder\#*/}; lock=experiments/$$name/lock; \
	if [ -d "$$folder" ] && [ ! -L "$$folder" ] && [ "$$name" != reference ] && \
	  { [ -f "experiments/$$name/config.json" ] || [ "$${folder\#images/shipped-}" != "$$folder" ]; } && \
	  { [ ! -f "$$lock" ] || ! command -v flock >/dev/null || flock -n "$$lock" true; }; \
	then $(1); fi; done

clean-runs:  ## delete all runs and their pictures, after asking
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
