# SPDX-License-Identifier: MIT
# The names of the few commands. Each line is a preset or a script; the work is in those.

PREFIX  ?= /usr/local
DESTDIR ?=
JOBS    ?= $(shell nproc)

.DEFAULT_GOAL := help
.PHONY: help setup build demo check check-programs check-all bench bench-quick install uninstall format clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-24s%s\n", $$1, $$2 }'

setup: ## install from Debian what build, tests and demo need (root or sudo; says what it does)
	@tools/setup.sh build test demo

build: ## the release build, in build/release
	@tools/setup.sh build
	cmake --preset release
	cmake --build --preset release -j $(JOBS)

demo: ## a cache of 1.23 GB under a budget of 1500M, in C and Go, beside three other allocators
	@tools/setup.sh build demo
	@$(MAKE) --no-print-directory build
	tools/demo.py

check: ## gates, release and sanitizer builds, all tests; under 15 minutes on 2 cores
	@tools/setup.sh build test
	@tools/check.py

check-programs: ## redis, PostgreSQL, a JVM, gcc, ffmpeg …: same output with and without libullage
	@tools/setup.sh build programs
	@$(MAKE) --no-print-directory build
	tests/preload/run.py

check-all: ## check, and: clang, tsan, invariants, 16 and 64 KiB pages, fuzz corpora, aarch64, programs
	@tools/setup.sh all
	@tools/check.py --all

bench-quick: ## the benchmarks in minutes: a table of ratios to other allocators
	@tools/setup.sh build bench
	@$(MAKE) --no-print-directory build
	bench/run.py --quick

bench: ## the benchmarks in full
	@tools/setup.sh build bench
	@$(MAKE) --no-print-directory build
	bench/run.py --full

install: build ## into PREFIX (/usr/local), below DESTDIR where one is set
	tools/install.sh install "$(PREFIX)" "$(DESTDIR)"

uninstall: ## removes exactly what `make install` with the same PREFIX and DESTDIR put there
	tools/install.sh uninstall "$(PREFIX)" "$(DESTDIR)"

format: ## clang-format over all C and C++
	tools/check_format.sh --fix

clean: ## removes build/
	rm -rf build
