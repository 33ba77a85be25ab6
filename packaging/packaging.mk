# What is released: the version, and what is made of the program.

# The commit is compiled into one object of the command, which is made again when it changes. The bootstraps know the version only, so that
# the same sources make the same zips. Sources without git have no commit, or the one that is given: make PAKHUS_COMMIT=…
PAKHUS_COMMIT := $(or $(PAKHUS_COMMIT),$(if $(wildcard .git),$(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null)))

.PHONY: FORCE
$(BUILD)/commit: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(PAKHUS_COMMIT)' | cmp -s - $@ || printf '%s\n' '$(PAKHUS_COMMIT)' >$@

$(BUILD)/o/cli/version.o: PROJECT_CFLAGS += -DPAKHUS_COMMIT='"$(PAKHUS_COMMIT)"'
$(BUILD)/o/cli/version.o: $(BUILD)/commit

# --- the manual and the completions, out of the table of commands: by this machine's program, for whichever machine they are
VERSION := $(shell sed -n 's/^.define PAKHUS_VERSION "\(.*\)"/\1/p' base/version.h)
RELEASED := $(shell sed -n 's/^## \[$(VERSION)\] - //p' CHANGELOG.md)
DESCRIPTIONS := $(addprefix build/packaging/,pakhus.1 pakhus.bash _pakhus)

ifeq ($(FOREIGN)$(SANITIZE),)
build/packaging/describe: $(BUILD)/o/packaging/describe.o $(COMMANDS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(CC) $(CFLAGS) $^ $(LINK) -o $@ $(LIBS)

# describe_into FORM: the template with its @COMMANDS@ line replaced
define describe_into
	@build/packaging/describe $(1) >$@.commands
	@sed -e '/^@COMMANDS@$$/{r $@.commands' -e 'd}' -e 's/@VERSION@/$(VERSION)/; s/@DATE@/$(RELEASED)/' $< >$@
	@rm $@.commands
endef
build/packaging/pakhus.1: packaging/pakhus.1.in build/packaging/describe base/version.h CHANGELOG.md
	$(call describe_into,man)
build/packaging/pakhus.bash: packaging/completion.bash.in build/packaging/describe base/version.h
	$(call describe_into,bash)
build/packaging/_pakhus: packaging/completion.zsh.in build/packaging/describe base/version.h
	$(call describe_into,zsh)
else
$(DESCRIPTIONS) &: FORCE
	+@$(MAKE) -s ARCH=$(HOST:aarch64=arm64) SANITIZE= $(DESCRIPTIONS)
endif

# --- one static file that does all that build/bin/pakhus does
.PHONY: static install deb image
static: deps $(BUILD)/static/pakhus ## build/static/pakhus: the whole command as one static file, which runs on any Linux of its architecture

$(BUILD)/static/pakhus: $(BUILD)/o/cli/main.o $(COMMANDS) $(ARCHIVE) scripts/static-libs | static-libs
	@mkdir -p $(@D)
	$(call say,link $@)
	$(Q)$(link_static)

PREFIX ?= /usr/local
install: deps $(BUILD)/bin/pakhus $(DESCRIPTIONS) ## command, manual, completions, systemd units, nginx templates, below PREFIX=/usr/local and DESTDIR=
	@packaging/install $(BUILD)/bin/pakhus build/packaging "$(DESTDIR)" "$(PREFIX)" share/zsh/site-functions

# Terms and versions of what is linked in, for every package that holds a static program.
$(NOTICES)/sbom.spdx.json: packaging/notices packaging/libraries NOTICE LICENSE CHANGELOG.md base/version.h scripts/static-libs | static-libs
	@packaging/notices $(STATIC) $(VERSION) $(RELEASED) $(ARCH) $(@D)

DEB := build/pakhus_$(VERSION)_$(if $(filter arm64,$(ARCH)),arm64,amd64).deb
deb: deps $(DEB) ## build/pakhus_*.deb: the static program for Debian and Ubuntu; ARCH=arm64 for the other one
$(DEB): $(BUILD)/static/pakhus $(DESCRIPTIONS) $(NOTICES)/sbom.spdx.json README.md NOTICE $(wildcard packaging/install packaging/deb/* packaging/systemd/* cdn/nginx/*.template)
	@packaging/deb/build $< build/packaging $(NOTICES) $(if $(filter arm64,$(ARCH)),arm64,amd64) $(VERSION) $(RELEASED) $@

.PHONY: deps-image
deps-image:
	$(call must,scripts/install build image)
image: deps build/image/$(ARCH)/Dockerfile ## build/image/*: what `docker build` makes an image of, from nothing but the static program
build/image/$(ARCH)/Dockerfile: $(BUILD)/static/pakhus $(NOTICES)/sbom.spdx.json packaging/image packaging/Dockerfile | deps-image
	@packaging/image $< $(NOTICES) $(@D)
