# Pakhus. `make help` lists what there is to make.
#
# WERROR=1 makes warnings errors: `make check` and CI do so, and another compiler's new warning stops nobody's build.
# SANITIZE=address,undefined builds apart, into build/address-undefined; so does ARCH=arm64 on another machine, into build/arm64.

SHELL := /bin/bash
CACHE := $(or $(PAKHUS_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pakhus)
comma := ,

# x86_64 or arm64, this machine's unless said. The compiler calls the latter aarch64.
HOST := $(shell uname -m)
SAID := $(ARCH)
ARCH ?= $(HOST:aarch64=arm64)
MACHINE := $(ARCH:arm64=aarch64)
FOREIGN := $(filter-out $(HOST),$(MACHINE))
ifneq ($(FOREIGN),)
CC := $(MACHINE)-linux-gnu-gcc
AR := $(MACHINE)-linux-gnu-ar
endif

BUILD := build$(if $(FOREIGN),/$(ARCH))$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))
NOTICES := build/notices/$(ARCH)
LIBRARIES := libcurl jansson libcrypto libmicrohttpd libzstd liblzma zlib

CFLAGS ?= -O2 -g
# Nothing unwinds the stack, and debuggers read .debug_frame: tables for it would be a fiftieth of what is deployed.
# Fields that an initialiser does not name are zero: that is how optional ones are written here.
PROJECT_CFLAGS = -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -Iruntime/include $(if $(FOREIGN),-I$(STATIC)/include) -Wall -Wextra -Wconversion -Wshadow -Wno-missing-field-initializers $(if $(WERROR),-Werror) \
	-fstack-protector-strong -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer,-D_FORTIFY_SOURCE=2)
LINK := $(if $(SANITIZE),-fsanitize=$(SANITIZE)) -pthread -Wl,--gc-sections -Wl,-z,relro,-z,now
LIBS = $(shell pkg-config --libs $(LIBRARIES)) -lm

rooms = $(patsubst %.c,$(BUILD)/o/%.o,$(wildcard $(1)))
FUNCTIONS := $(patsubst functions/%/main.c,%,$(wildcard functions/*/main.c))
HANDLERS := $(filter-out functions/%/main.c,$(wildcard functions/*/*.c))
ARCHIVE := $(BUILD)/libpakhus.a
COMMANDS := $(BUILD)/libcommands.a
BOOTSTRAPS := $(FUNCTIONS:%=$(BUILD)/functions/%/bootstrap)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

# `make V=1` shows whole commands.
Q := $(if $(V),,@)
say = $(if $(V),,$(info $()  $(1)))
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --no-print-directory -j$(shell nproc)
endif

.DEFAULT_GOAL := all
.PHONY: all package nginx-module run localstack invoke test quick unit e2e e2e-quick check check-includes check-functions check-format check-shell check-python check-build check-tidy format fuzz fuzz-corpus fresh clients stores bench docs clean help deps deps-run deps-unit deps-nginx deps-package deps-test deps-check static-libs
.DELETE_ON_ERROR:
.SECONDARY:

all: deps $(BUILD)/bin/pakhus $(BOOTSTRAPS) ## build/bin/pakhus and build/functions/*/bootstrap

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo 'SANITIZE=address,undefined before a target builds and runs it with sanitizers.'

# Each file that needs packages to be made comes after their installation, whatever -j is: the deps-* below are its prerequisites.
# When a script fails, make stops at once, and the script's reason is the last line of the output. Nothing is installed by make -n, -q and -t.
ONLY_LOOKS = $(findstring n,$(FLAGS))$(findstring q,$(FLAGS))$(findstring t,$(FLAGS))
FLAGS = $(filter-out --%,$(firstword -$(MAKEFLAGS)))
must = $(if $(ONLY_LOOKS),,$(eval SCRIPT_OUTPUT := $$(shell export PAKHUS_REASON=1; $(1)))$(if $(filter-out 0,$(.SHELLSTATUS)),$(error $(SCRIPT_OUTPUT))))

deps:
	$(call must,scripts/install build)
deps-run:
	$(call must,scripts/install build run)
deps-unit:
	$(call must,scripts/install build unit)
deps-nginx:
	$(call must,scripts/install build nginx)
deps-package:
	$(call must,scripts/install build package $(if $(SAID),static-$(MACHINE),static-x86_64 static-aarch64))
deps-test:
	$(call must,scripts/install build package unit nginx test static-x86_64 static-aarch64)
deps-check:
	$(call must,scripts/install build nginx check)

# The bootstraps are single static files: their libraries are built once, into the cache. Where they are is known when they are there.
STATIC = $(eval STATIC := $(shell scripts/static-libs --where $(MACHINE)))$(STATIC)
static-libs:
	$(if $(SANITIZE),,$(call must,scripts/install build static-$(MACHINE) && scripts/static-libs $(MACHINE)))

$(BUILD)/o/%.o: %.c | deps $(if $(FOREIGN),static-libs)
	@mkdir -p $(@D)
	$(call say,cc $<)
	$(Q)$(CC) $(PROJECT_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# lib/patch/alone is the applier for devices: `make -C lib/patch`.
$(ARCHIVE): $(filter-out $(BUILD)/o/lib/patch/alone/%,$(call rooms,base/*.c runtime/*.c lib/*/*.c lib/*/*/*.c $(HANDLERS)))
	@rm -f $@
	$(call say,ar $@)
	$(Q)$(AR) rcs $@ $^

# What base/embed.h puts into them.
$(BUILD)/o/lib/report/write.o: $(addprefix lib/report/page.,css html js)
$(BUILD)/o/cli/demo.o: demo/demo.apk

# The commands apart, so that the bootstraps and lambda-c never see them.
$(COMMANDS): $(filter-out %/main.o,$(call rooms,cli/*.c))
	@rm -f $@
	$(call say,ar $@)
	$(Q)$(AR) rcs $@ $^

$(BUILD)/bin/pakhus: $(BUILD)/o/cli/main.o $(COMMANDS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(CC) $(CFLAGS) $^ $(LINK) -o $@ $(LIBS)

# Sanitizers want the shared C library; everything that is deployed is static and not relocated, which halves its start-up.
# ld warns that static programs can't look up names by glibc: c-ares does it for us (-w). Newer ones print notes on these warnings all the same.
link_static = $(if $(SANITIZE),$(CC) $(CFLAGS) $(filter %.o %.a,$^) $(LINK) -o $@ $(LIBS),$(CC) $(CFLAGS) -static -no-pie $(filter %.o %.a,$^) $(LINK) -Wl,-w -s -o $@ \
	-L$(STATIC)/lib $$(cat $(STATIC)/libs) > >(grep -v 'note: the message above does not take linker garbage'))
$(BUILD)/functions/%/bootstrap: $(BUILD)/o/functions/%/main.o $(ARCHIVE) scripts/static-libs | static-libs
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(link_static)

# One zip a function, for Lambda and for Function Compute, with the terms of what is linked in: the same bytes from the same sources, wherever and whenever it is made.
PACKAGES := $(FUNCTIONS:%=build/package/$(ARCH)/%.zip)
package: deps-package $(if $(SAID),$(PACKAGES)) ## build/package/*/*.zip: a static bootstrap each, for x86_64 and arm64, or ARCH=… alone
	$(if $(SAID),@:,+@$(MAKE) package ARCH=x86_64 && $(MAKE) package ARCH=arm64)

build/package/$(ARCH)/%.zip: $(BUILD)/functions/%/bootstrap $(NOTICES)/sbom.spdx.json scripts/package | deps-package
	@scripts/package $< $(NOTICES) $@

# The nginx module is made of the very objects of lib/token, in position-independent form, by nginx's own configure. Debian's nginx knows no
# sanitizers, and so loads no module that has them.
NGINX_MODULE := $(BUILD)/nginx/ngx_http_pakhus_token_module.so
NGINX_SOURCE := /usr/share/nginx/src
TOKEN_ROOMS := $(patsubst %.c,$(BUILD)/pic/%.o,$(wildcard lib/token/*.c lib/keyring/*.c base/*.c))
nginx-module: $(NGINX_MODULE) ## build/nginx/ngx_http_pakhus_token_module.so, for Debian's nginx

$(BUILD)/pic/%.o: %.c | deps
	@mkdir -p $(@D)
	$(call say,cc -fPIC $<)
	$(Q)$(CC) $(filter-out -fsanitize% -fno-sanitize%,$(PROJECT_CFLAGS)) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c $< -o $@

$(BUILD)/libpakhus-token.a: $(TOKEN_ROOMS)
	@rm -f $@
	$(call say,ar $@)
	$(Q)$(AR) rcs $@ $^

$(NGINX_MODULE): $(wildcard cdn/nginx-token-module/*) $(BUILD)/libpakhus-token.a scripts/nginx-module | deps-nginx
	$(call say,nginx module $@)
	$(Q)scripts/nginx-module $(BUILD) $(CC)

run: deps-run $(BUILD)/bin/pakhus ## serves ./pakhus-data on http://127.0.0.1:8080, at first with a demo in it; DEMO=0 without
	@DEMO=$(DEMO) exec demo/run $(BUILD)/bin/pakhus 127.0.0.1:$(or $(PORT),8080)

localstack: deps-test ## deploys template.yaml into a LocalStack and prints its URLs; STORE=minio keeps packages in a MinIO, DOCKER=1 uses containers
	@STORE=$(STORE) DOCKER=$(DOCKER) exec "$$(scripts/fetch venv)/bin/python" localstack/run.py

invoke: deps-test all ## FUNCTION=name EVENT=events/….json: sends one event to one function, under Lambda's runtime emulator
	@PAKHUS_FUNCTIONS="$(CURDIR)/$(BUILD)/functions" "$$(scripts/fetch venv)/bin/python" events/invoke.py $(FUNCTION) $(EVENT)

# --- tests

$(BUILD)/tests/%: $(BUILD)/o/tests/unit/%.o $(COMMANDS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(CC) $(CFLAGS) $^ $(LINK) -o $@ $(LIBS) -lcmocka

$(UNIT_TESTS:$(BUILD)/tests/%=$(BUILD)/o/tests/unit/%.o): | deps-unit

unit: $(UNIT_TESTS)
	@scripts/run-unit-tests $(UNIT_TESTS)

e2e: deps-test all nginx-module
	+@$(MAKE) -s package SANITIZE=
	+@$(MAKE) -s deb image SANITIZE=
	@scripts/run-e2e-tests $(BUILD)

# One part after the other, each on all processors; the next ones also run when one has failed.
test: deps-test ## unit tests, the fuzzers' corpora, and everything end to end on real servers
	+@MAKE='$(MAKE)' scripts/run-tests unit fuzz-corpus e2e

# Once built, under a minute on two processors that have nothing else to do.
QUICK := $(addprefix tests/e2e/test_,events.py routes.py commands_serve.py commands_release.py commands_url.py)
quick: deps-test ## unit tests, and a thin slice of the end-to-end tests through every function
	+@MAKE='$(MAKE)' scripts/run-tests unit e2e-quick

e2e-quick: deps-test all
	@PAKHUS_TEST_NEEDS='rie apks' scripts/run-e2e-tests $(BUILD) $(QUICK)

fuzz-corpus: deps
	@scripts/run-fuzz 0
fuzz: deps-check ## fuzzes every parser for FUZZ_SECONDS each (60)
	@scripts/run-fuzz $(or $(FUZZ_SECONDS),60)

fresh: ## the two commands in minimal roots of Debian 12 and 13, as root and with sudo, and without a network; takes root
	@tests/fresh/run

clients: deps-test all ## runs real download clients against pakhus serve, and prints the table of docs/clients.md
	@scripts/install clients
	@scripts/fetch apks minio >/dev/null
	@PAKHUS_BIN="$(CURDIR)/$(BUILD)/bin/pakhus" exec "$$(scripts/fetch venv)/bin/python" tests/clients/run.py

stores: deps-test all $(BUILD)/tests/test_store_conformance $(BUILD)/tests/test_generation ## other stores: suites, races, a package served, docs/stores.md's table; SERVER=name for one, ROUNDS of races (20)
	@PAKHUS_BIN="$(CURDIR)/$(BUILD)/bin/pakhus" "$$(scripts/fetch venv)/bin/python" tests/stores/run.py --rounds $(or $(ROUNDS),20) $(SERVER)

bench: deps-test all nginx-module ## measures side by side, prints ratios
	@scripts/run-bench $(BUILD)

docs: ## build/docs: the documentation as a site
	@"$$(scripts/fetch venv)/bin/python" scripts/docs build/docs

# --- what a reviewer would say

NGINX_INCLUDES = $(addprefix -isystem$(NGINX_SOURCE)/src/,core event event/modules os/unix http http/modules http/v2) -isystem$(BUILD)/nginx
TIDY_FLAGS = $(filter -std% -D% -I%,$(PROJECT_CFLAGS)) $(NGINX_INCLUDES)
C_FILES = $(shell git ls-files '*.c' '*.h')
PYTHON_FILES = $(shell find demo functions packaging scripts tests -name '*.py') $(shell grep -l '^\#!.*python3' scripts/*)
SHELL_FILES = $(shell grep -lE '^\#!.*bash|shell=bash' scripts/*) demo/make demo/run packaging/{install,image,notices} packaging/deb/{build,postinst,prerm,postrm} \
	.ci/run tests/fresh/run cdn/*/token-clean-up
CHECKS := includes functions format shell python build tidy
check: $(CHECKS:%=check-%) ## warnings, format, static analysis, arrows between modules, functions, Python; each alone as check-build, check-format, …

check-build: deps-unit
	+@$(MAKE) -s WERROR=1 BUILD=build/check build/check/bin/pakhus $(UNIT_TESTS:$(BUILD)/%=build/check/%)
check-format: deps-check
	@clang-format --dry-run -Werror $(C_FILES)
check-tidy: deps-check nginx-module
	@printf '%s\n' $(filter-out tests/%,$(filter %.c,$(C_FILES))) | xargs -P $$(nproc) -n 8 scripts/lint $(TIDY_FLAGS) --
check-shell: deps-check
	@shellcheck -x $(SHELL_FILES)
check-includes: deps-check
	@scripts/check-includes
check-functions: deps-check
	@scripts/check-functions
check-python: deps-check
	@"$$(scripts/fetch venv)/bin/ruff" check --quiet --no-cache $(PYTHON_FILES)
	@"$$(scripts/fetch venv)/bin/mypy" --no-error-summary --cache-dir build/mypy $(PYTHON_FILES)

format: deps-check ## clang-format over everything
	@clang-format -i $(C_FILES)

include packaging/packaging.mk

-include $(shell find $(BUILD)/o $(BUILD)/pic -name '*.d' 2>/dev/null)

clean: ## removes build/ (the cache stays)
	rm -rf build
