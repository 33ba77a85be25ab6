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
