# Stillhouse. `make run` and `make test` are the two commands; the rest stands beside them.

export CARGO_TARGET_DIR ?= $(HOME)/.cache/stillhouse/target
# Read by the tests of the model in process and by the set-up; fetched once.
export STILLHOUSE_MODEL ?= $(HOME)/.cache/stillhouse/models/smollm2-135m-instruct.gguf

.PHONY: help run test soak bench bench-reference guard-table demo-distill demo-distill-arms build deb setup fmt clean

help:
	@echo "make run              set up, build, and serve the small model on loopback"
	@echo "make test             what must pass: format, lints, tests, tidiness, clients"
	@echo "make soak             the full counts of kills, cuts and mutations, the fuzzers, the guides"
	@echo "make bench            the figures"
	@echo "make bench-reference  what needs PyTorch"
	@echo "make guard-table      the guard and the baselines on simulated traffic: bench/guard"
	@echo "make demo-distill     a small model learns its own prompt by heart: bench/distill"
	@echo "make demo-distill-arms  the same with three seeds, beside two other ways to learn"
	@echo "make build            the release binary"
	@echo "make deb              the Debian package (needs cargo-deb)"
	@echo "make container        the container image (needs mmdebstrap and buildah)"

setup:
	@scripts/setup.sh

build: setup
	cargo build --release --locked -p stillhouse

deb: build
	@scripts/package.sh

container: build
	@scripts/container.sh

run: build
	@scripts/run.sh

test: setup
	@scripts/test.sh

soak: setup
	@scripts/soak.sh

bench: build
	@scripts/bench.sh

bench-reference: setup
	@scripts/bench-reference.sh

guard-table:
	cargo run --release --locked -p sim -- evaluate --out bench/guard $(ARGS)

demo-distill demo-distill-arms: build
	cargo build --release --locked -p distill --example table
	@scripts/demo-distill.sh $(if $(findstring arms,$@),arms)

fmt:
	cargo fmt --all

clean:
	cargo clean
