# The usual commands, each a line or two over CMake and its presets; `make help` lists them.
# FLAGS goes to cmake's configuration, TESTS to ctest: make test FLAGS=-DFACULA_WERROR=ON TESTS="-R watch"

JOBS ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
DATA ?= /usr/share/datasets/fashion-mnist
PREFIX ?= /usr/local
MAKEFLAGS += --no-print-directory

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

# The lesson's programs, in the order of docs/lesson.md. On 2 cores the whole takes less than 3 minutes.
lesson: ## installs what is missing, builds, and runs the lesson's programs
	DATA='$(DATA)' tools/setup lesson
	cmake --preset release $(FLAGS)
	cmake --build --preset release -j $(JOBS) --target examples
	@mkdir -p runs
	build/examples/tensors
	build/examples/autograd
	build/examples/xor
	build/examples/fashion --data $(DATA) --model mlp --epochs 3 --save runs/fashion-mlp.safetensors
	build/examples/fashion --data $(DATA) --model cnn --epochs 1 --save runs/fashion-cnn.safetensors
	@echo "To play with the lesson in the browser: build/examples/playground. To watch a training there: build/examples/fashion --watch"

build: ## everything, optimised, in build/
	cmake --preset release $(FLAGS)
	cmake --build --preset release -j $(JOBS)

test: ## installs what is missing, builds, and passes all tests
	tools/setup test
	cmake --preset release -DFACULA_TESTS=ON $(FLAGS)
	cmake --build --preset release -j $(JOBS)
	ctest --preset release -j $(JOBS) $(TESTS)

debug: ## the tests, in a build for the debugger
asan: ## the tests, looking for bad addresses, leaks and undefined behaviour
tsan: ## the tests, looking for races between threads
debug asan tsan:
	tools/setup test
	cmake --preset $@ -DFACULA_TESTS=ON $(FLAGS)
	cmake --build --preset $@ -j $(JOBS)
	ctest --preset $@ -j $(JOBS) $(TESTS)

site: ## the docs as a site, in build/site/html (needs Doxygen)
	tools/site/site build/site
	@echo "Open build/site/html/index.html in a browser."

amalgamation: build ## the whole library as facula.c and facula.h, in build/amalgamation/
	tools/amalgamate build build/amalgamation

deb: build ## Debian packages, in build/
	cd build && cpack

format: ## formats the sources with clang-format
	tests/check_format --fix

install: build ## installs into PREFIX=/usr/local
	cmake --install build --prefix $(PREFIX)
	@# so that programs find the new shared library
	@if [ "$$(id -u)" = 0 ] && [ -z "$(DESTDIR)" ]; then PATH="$$PATH:/sbin" ldconfig || :; fi

clean: ## removes every build directory
	rm -rf build build-*

.PHONY: help lesson build test debug asan tsan site amalgamation deb format install clean
