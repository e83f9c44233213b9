# The commands of this project. `make demo` and `make test` are all that a newcomer needs.
PREFIX ?= /usr/local
CARGO ?= cargo
TESTBED = tests/testbed
TARGET_DIR = $(or $(CARGO_TARGET_DIR),target)
DEMO_PREFIX = $(shell . $(TESTBED)/lib.sh >/dev/null && echo $$TB_CACHE/demo)
SHELL = /bin/bash

.PHONY: help demo test check bench testbed testbed-stop install release

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: ## From nothing to the example application on real servers (≤ 25 min the first time, ≤ 90 s after)
	@$(TESTBED)/steps.sh demo
	@PATH="$(DEMO_PREFIX)/bin:$$PATH" examples/demo.sh

test: ## All tests, live ones included
	@$(TESTBED)/steps.sh test

check: ## Formatting, lints and documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --lib --document-private-items --quiet

bench: ## The table of benchmarks, each beside its peer
	@$(TESTBED)/steps.sh bench

testbed: ## Start the real servers
	@$(TESTBED)/up.sh

testbed-stop: ## Stop them and forget their state
	@$(TESTBED)/down.sh

release: ## The optimized binary
	$(CARGO) build --locked --release

install: release ## werf, and the buildkitd that it starts, under PREFIX
	@$(TESTBED)/build.sh images
	install -D -m 755 $(TARGET_DIR)/release/werf $(DESTDIR)$(PREFIX)/bin/werf
	install -D -m 755 "$$(. $(TESTBED)/lib.sh && echo $$TB_BIN)/buildkitd" $(DESTDIR)$(PREFIX)/libexec/werf/buildkitd
	install -D -m 755 "$$(PATH=$$PATH:/usr/sbin command -v runc)" $(DESTDIR)$(PREFIX)/libexec/werf/runc
