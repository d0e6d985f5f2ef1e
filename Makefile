# The habits. Meson and Ninja do the work: build/gcc is an ordinary Meson build directory.
CC = gcc
PREFIX = /usr/local
DESTDIR =
SOAK_SECONDS = 3600
FUZZ_SECONDS = 60

.PHONY: build demo check full soak bench fuzz mutants layers fmt install clean help setup-build setup-check

build: setup-build build/gcc/build.ninja
	@ninja -C build/gcc src/cli/sockeye
	@ln -sf build/gcc/src/cli/sockeye sockeye

build/gcc/build.ninja: | setup-build
	@mkdir -p build
	@CC="$(CC)" meson setup build/gcc >build/setup.log 2>&1 || { cat build/setup.log; exit 1; }

demo: build
	@./sockeye demo

check: setup-check
	@tools/check

full: setup-check
	@tools/check full

soak: setup-check
	@tools/check soak $(SOAK_SECONDS)

bench: setup-check build
	@ninja -C build/gcc
	@bench/run
	@bench/lossy
	@bench/programs
	@bench/packets

fuzz: setup-check
	@tools/fuzz $(FUZZ_SECONDS)

mutants: setup-check
	@tools/mutants

layers: build
	@ninja -C build/gcc
	@tools/layers build/gcc

fmt: setup-check
	@tools/fmt

install: build
	@meson configure build/gcc -Dprefix=$(abspath $(PREFIX))
	@DESTDIR="$(DESTDIR)" meson install -C build/gcc

clean:
	rm -rf build sockeye

# Quiet and quick when nothing is missing.
setup-build:
	@tools/setup build

setup-check:
	@tools/setup check

help:
	@echo 'make           build ./sockeye'
	@echo 'make demo      a page fetched through its own TCP, every step shown'
	@echo 'make check     all tests: gcc, clang, sanitizers; under five minutes'
	@echo 'make full      the long tests (20,000 simulated connections, 1 GiB transfers)'
	@echo 'make soak      the long tests again and again with new seeds, SOAK_SECONDS=$(SOAK_SECONDS)'
	@echo 'make bench     speed beside the kernel'"'"'s'
	@echo 'make fuzz      every fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make mutants   rules changed one at a time: do drills or simulation notice? half an hour'
	@echo 'make layers    who may include and call whom'
	@echo 'make fmt       clang-format over the tree'
	@echo 'make install   to PREFIX=$(PREFIX) under DESTDIR'
	@echo 'make clean     remove what was built'
