# nullcline: `make demo` and `make test` need a Rust toolchain, a C compiler, make and python3; the rest they
# fetch into .tools/ by themselves.

TARGET ?= $(or $(CARGO_TARGET_DIR),target)
export CARGO_TARGET_DIR := $(abspath $(TARGET))
export PATH := $(CURDIR)/.tools/cmake/bin:$(PATH)

# Properties are tried on the same cases every time, so that who changes nothing breaks nothing; another number tries others.
export PROPTEST_RNG_SEED ?= 1

.PHONY: demo test check bench bench-dsr fuzz tools tools-python clean

## The whole chain on a simulated cohort with a known difference
demo: tools
	cargo build -p nullcline
	$(CARGO_TARGET_DIR)/debug/nullcline demo --out demo

## Every test; those on real recordings run where the data folder is
test: tools tools-python
	cargo build -p nullcline
	cargo nextest --version >/dev/null 2>&1 \
	  && cargo nextest run --workspace --no-fail-fast \
	  || { cargo nextest --version >/dev/null 2>&1 && exit 1; cargo test --workspace --no-fail-fast; }

## Formatting, lints and types
check: tools
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

## Speed, as ratios measured in one run; JAX, PyTorch, MNE, nibabel, nilearn and pynwb beside ours where the Python
## named in NULLCLINE_PYTHON has them
bench: tools
	cargo bench -p nullcline-models
	cargo bench -p nullcline-dynamics
	cargo bench -p nullcline-datasets

## Every reader fuzzed for a minute (SECONDS_EACH); needs a C++ compiler
fuzz: tools
	datasets/fuzz/run_all $(or $(SECONDS_EACH),60)

## How well public benchmark series are reconstructed, five seeds each (about half an hour); ROWS="ecg lorenz63" for some
bench-dsr: tools
	cargo bench -p nullcline --bench reconstruction -- $(ROWS)

## cmake, to build HDF5: from PATH, else from PyPI into .tools/
tools:
	@mkdir -p .tools; sh .ci/need_cmake

## Python packages of the notebook and the Snakefile, into .tools/notebook
tools-python: .tools/notebook/.installed
.tools/notebook/.installed: notebooks/requirements.txt workflows/requirements.txt
	@sh .ci/need_python_packages

clean:
	cargo clean
	rm -rf .tools demo
