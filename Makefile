# `make` lists the targets. The first one that needs Python makes .venv and installs into it.
#   PYTHON=python3.12   the interpreter to make .venv with (3.11 to 3.13)
#   CUDA=1, CUDA=0      with and without NVIDIA's libraries; else as nvidia-smi lists a GPU or not
#   STEPS=1000          a shorter or longer training
#   ARGS="--seed 1"     any further options of the command

RUN := .venv/bin/python -m
CODE := gan experiments tests
LENGTH = $(if $(STEPS),--steps $(STEPS))

# Each is a file in experiments/. Those in the second line need Keras 2, PyTorch or ONNX.
SCRIPTS := report growth scale overview losses classifier ranked-sampling optimal-discriminator frozen-discriminator drawn-digits better-numbers augmentation copies
COMPARISONS := bench parity reproduce-documents exports

.PHONY: help install FORCE generate evaluate runs play $(SCRIPTS) $(COMPARISONS) two-workers test test-slow test-page test-faults soak test-gpu lint format clean clean-runs

# `make` prints the lines that begin with `#:`.
help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

#: targets (further options of a command: make train-dense ARGS="--seed 1 --name second"):
#:   install           make .venv, as the first command does (CUDA=1: with NVIDIA's libraries,
#:                     CUDA=0: without; PYTHON=python3.12: with this Python)
install: .venv/installed
	@echo ".venv is complete"

#:   train-DESIGN      train dense, dense-sgd, d-on-g, mlp or dcgan
train-%: .venv/installed
	@$(RUN) gan.train $* $(LENGTH) $(ARGS)

#:   generate          draw new images with your newest run
generate: .venv/installed
	@$(RUN) gan.generate $(ARGS)

#:   evaluate          measure your newest run against real images
evaluate: .venv/installed
	@$(RUN) gan.evaluate $(ARGS)

#:   runs              list your runs, their length and state
runs: .venv/installed
	@$(RUN) gan.generate --list $(ARGS)

#:   play              write images/play.html, on which three generators run in your browser
play: .venv/installed
	@$(RUN) gan.export --page images/play.html --shipped $(ARGS)

#:   two-workers       train dcgan with two processes on this machine
two-workers: .venv/installed
	@.venv/bin/python experiments/two_workers.py dcgan $(LENGTH) $(ARGS)

#:   study-NAME        train and measure a study of experiments/studies.py, such as dense (hours)
study-%: .venv/installed
	@.venv/bin/python experiments/study.py $* $(LENGTH) $(ARGS)

#:   bench, parity     compare speed and steps with the documents' own code (half an hour);
#:                     where there is a GPU, bench measures its speeds
#:   growth, scale     measure larger batches, images and files, or several devices (20 minutes)
#:   report            write the stored figures into the pages
#:   losses            train the short runs of the guide's "What the losses say" (15 minutes)
#:   other experiments: reproduce-documents, overview, classifier, ranked-sampling,
#:                     optimal-discriminator, frozen-discriminator, drawn-digits, better-numbers,
#:                     augmentation, copies, exports
$(SCRIPTS): .venv/installed
parity reproduce-documents exports: .venv/experiments
# On a GPU, bench needs no other code. PyTorch brings CUDA libraries of its own.
bench: .venv/$(if $(wildcard /proc/driver/nvidia/gpus/* /usr/lib/wsl/lib/nvidia-smi),installed,experiments)
$(SCRIPTS) $(COMPARISONS):
	@.venv/bin/python experiments/$(subst -,_,$@).py $(ARGS)

#:   test              run the tests
test: .venv/installed
	@$(RUN) pytest -q -n 2 --dist worksteal -m "not slow and not browser" tests

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

#:   soak              train thousands of times, to see whether one training crashes (hours)
soak: .venv/installed
	@.venv/bin/python tests/soak.py $(ARGS)

#:   test-gpu          show that a GPU is used, and is exact (10 minutes; without a GPU nothing)
test-gpu: .venv/installed
	@.venv/bin/python tests/gpu.py $(ARGS)

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

#:   clean-runs        delete all runs and their pictures, after asking
# What ships lies in folders called reference. A folder that is not of a run, or a link, stays, and
# so does a run that is being trained: then a process holds its lock (gan/runs/lock.py).
PROBE := import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_SH | fcntl.LOCK_NB)
clean-runs:
	@for python in .venv/bin/python python3 python ""; do \
	  if "$$python" -c "import fcntl" 2>/dev/null; then break; fi; \
	done; \
	idle() { \
	  lock=experiments/$${1#*/}/lock; \
	  [ ! -f "$$lock" ] || "$$python" -c '$(PROBE)' "$$lock" 2>/dev/null; \
	}; \
	set --; \
	for folder in images/* experiments/*; do \
	  name=$${folder#*/}; \
	  if [ -d "$$folder" ] && [ ! -L "$$folder" ] && [ "$$name" != reference ] && \
	    { [ -f "experiments/$$name/config.json" ] || [ "$$folder" != "$${folder#images/shipped-}" ]; }; \
	  then \
	    if idle "$$folder"; then set -- "$$@" "$$folder"; \
	    elif [ -z "$$python" ]; then echo "$$folder stays: no Python runs to read its lock"; \
	    fi; \
	  fi; \
	done; \
	if [ $$# = 0 ]; then echo "no runs to delete"; exit 0; fi; \
	du -sh "$$@"; printf 'delete these folders for good? [y/N] '; read answer; \
	case "$$answer" in \
	  [yY]) for folder do if idle "$$folder"; then rm -rf "$$folder"; fi; done; echo deleted;; \
	  *) echo "nothing deleted";; \
	esac

# The first of these interpreters that runs, is of a version TensorFlow has wheels for, and can
# make a virtual environment.
PYTHONS := python3.13 python3.12 python3.11 python3 python
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
WHICH := import os, sys; print(sys.version.split()[0], "in", os.path.realpath(sys.base_prefix))
CHOSEN = $(patsubst ~/%,$(HOME)/%,$(PYTHON))
# Takes out the libraries of CUDA 12, which TensorFlow uses, and those of PyTorch that share files
# with them; .venv/experiments brings the latter back.
WITHOUT_CUDA = libraries=$$($(RUN) pip freeze | sed -n 's/^\(nvidia-[^=]*-cu1[0-9]\)=.*/\1/p'); \
	case "$$libraries" in *-cu12*) echo "removing NVIDIA's CUDA libraries"; \
	  $(RUN) pip uninstall -qq -y $$libraries;; esac

# Makes .venv, unless it is there and its Python runs, and installs into it what requirements.txt
# names. The file .venv/installed holds 1 if NVIDIA's libraries are in, else 0; it is not there
# while pip works, so that the next `make` repeats what failed or was stopped.
# A variable CUDA of the environment may be another program's, and hold a path.
CUDA_WANTED = $(if $(findstring command,$(origin CUDA)),$(CUDA),$(filter 0 1,$(CUDA)))
.venv/installed: requirements.txt $(if $(PYTHON)$(CUDA_WANTED),FORCE)
	@case "$$(uname -sm), CUDA=$(CUDA_WANTED)" in \
	  "Darwin x86_64"*) \
	    echo "error: TensorFlow has no packages for Macs with an Intel processor" >&2; exit 2;; \
	  *" CUDA=" | *" CUDA=0" | "Linux x86_64"*" CUDA=1") ;; \
	  *" CUDA=1") echo "error: TensorFlow uses CUDA on Linux and WSL2 on x86 only;" \
	    "leave CUDA=1 out" >&2; exit 2;; \
	  *) echo "error: CUDA must be 0 or 1, not '$(CUDA_WANTED)'" >&2; exit 2;; \
	esac
	@if here=$$(.venv/bin/python -c '$(WHICH)' 2>/dev/null); then \
	  [ -z "$(CHOSEN)" ] || [ "$$here" = "$$("$(CHOSEN)" -c '$(WHICH)' 2>/dev/null)" ] || { \
	    echo "error: .venv has Python $$here, which is not '$(CHOSEN)';" \
	      "leave PYTHON out, or remove .venv first with: make clean" >&2; exit 2; }; \
	  exit 0; \
	fi; \
	set -- $(if $(CHOSEN),"$(CHOSEN)",$(PYTHONS)); \
	for python do \
	  if "$$python" -c '$(SUITABLE)' 2>/dev/null; then \
	    echo "making .venv with $$("$$python" --version)"; \
	    rm -rf .venv; exec "$$python" -m venv .venv; \
	  fi; \
	done; \
	echo "error: no Python 3.11, 3.12 or 3.13 with venv among: $$*." \
	  "Install one (on Debian also python3-venv), or name it: make PYTHON=/path/to/python" >&2; \
	exit 2
	@before=$$(cat $@ 2>/dev/null); cuda=$(CUDA_WANTED); cuda=$${cuda:-$$before}; \
	if [ -z "$$cuda" ]; then \
	  if [ "$$(uname -sm)" = "Linux x86_64" ] && gpus=$$(timeout 10 nvidia-smi -L 2>/dev/null) && \
	    echo "$$gpus" | grep -q "^GPU "; then cuda=1; else cuda=0; fi; \
	fi; \
	if [ "$$cuda" = "$$before" ] && [ -z "$(filter requirements.txt,$?)" ]; then exit 0; fi; \
	rm -f $@; \
	if [ $$cuda = 1 ]; then set -- "tensorflow[and-cuda]"; \
	  echo "installing TensorFlow and NVIDIA's CUDA libraries" \
	    "(a few minutes, 6.4 GB; without the libraries: make CUDA=0)"; \
	else set --; echo "installing TensorFlow (a minute or two, 2.3 GB)"; fi; \
	$(RUN) pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null; \
	if $(RUN) pip install -qq --disable-pip-version-check -r requirements.txt "$$@" && \
	  { [ $$cuda = 1 ] || { $(WITHOUT_CUDA); }; }; then echo $$cuda > $@; \
	else echo "error: pip could not install what requirements.txt names, for the reason above;" \
	  "mend it and repeat the command" >&2; exit 2; fi

# Keras 2, PyTorch and ONNX, which only the comparisons need. PyTorch's cuDNN and NCCL, of CUDA 13, write
# over TensorFlow's files of the same names, so TensorFlow's are installed again.
.venv/experiments: .venv/installed experiments/requirements.txt
	@echo "installing what the documents' own code needs"
	@$(RUN) pip install -qq --disable-pip-version-check -r experiments/requirements.txt
	@set -- $$($(RUN) pip freeze | grep -E '^nvidia-(cudnn|nccl)-cu12='); [ $$# = 0 ] || \
	  $(RUN) pip install -qq --disable-pip-version-check --force-reinstall --no-deps "$$@"
	@touch $@
