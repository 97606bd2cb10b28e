# SPDX-License-Identifier: MIT
# The names of the few commands. Each line is a preset or a script; the work is in those.

PREFIX  ?= /usr/local
DESTDIR ?=
JOBS    ?= $(shell nproc)

.DEFAULT_GOAL := help
.PHONY: help setup build demo demo-budget soak check check-programs check-vm check-all bench bench-quick bench-charts install uninstall format clean

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

demo-budget: ## programs at their budget in C, Go, Java, Node, Python: killed versus kept
	@tools/setup.sh build demo-budget
	@$(MAKE) --no-print-directory build
	tools/demo_budget.py

soak: ## the cache service in Go and C under 1500Mi for MINUTES=30: is memory flat?
	@tools/setup.sh build
	@$(MAKE) --no-print-directory build
	tools/soak.py --minutes $(or $(MINUTES),30)

check: ## gates, release and sanitizer builds, all tests; under 15 minutes on 2 cores
	@tools/setup.sh build test
	@tools/check.py

check-programs: ## redis, PostgreSQL, a JVM, gcc, ffmpeg …: same output with and without libullage
	@tools/setup.sh build programs
	@$(MAKE) --no-print-directory build
	tests/preload/run.py

check-vm: ## ullage run with cgroups version 2, in a small machine (qemu)
	@tools/setup.sh build vm
	@$(MAKE) --no-print-directory build
	tools/check_vm.sh

check-all: ## check, and: clang, tsan, invariants, 16 and 64 KiB pages, fuzz corpora, aarch64, vm, programs
	@tools/setup.sh all
	@tools/check.py --all

bench-quick: ## the benchmarks in minutes: a table of ratios to other allocators
	@tools/setup.sh build bench
	@$(MAKE) --no-print-directory build
	bench/run.py --quick

bench: ## the benchmarks in full, with current allocators where cargo can fetch them; goes on where it stopped
	@tools/setup.sh build bench-full
	@$(MAKE) --no-print-directory build
	-bench/peers.py
	bench/run.py --full

bench-charts: ## the pictures of the last full run, into docs/images
	bench/charts.py build/bench/full.json

install: build ## into PREFIX (/usr/local), below DESTDIR where one is set
	tools/install.sh install "$(PREFIX)" "$(DESTDIR)"

uninstall: ## removes exactly what `make install` with the same PREFIX and DESTDIR put there
	tools/install.sh uninstall "$(PREFIX)" "$(DESTDIR)"

format: ## clang-format over all C and C++
	tools/check_format.sh --fix

clean: ## removes build/
	rm -rf build
