# Trommel.  `make help` lists what can be made.
#
# Layout: all of pipeline/ but the two main files goes into build/libpipeline.a, from which each program
# takes what it needs; stages and sinks are shared objects that import nothing from the host.

VERSION  := 0.2.0
CC       ?= gcc
CXX      ?= g++
PREFIX   ?= /usr/local
DESTDIR  ?=
BUILD    ?= build
OPT      ?= -O2 -g
SAN      ?=
DATA     ?=
JOBS     ?= $(shell nproc 2>/dev/null || echo 1)

PKGS     := libuv libcurl libcrypto libdeflate zlib libbrotlidec libzstd libxxhash libpsl jansson libfyaml libseccomp
PKG      := $(shell exec 2>/dev/null; for p in $(PKGS); do pkg-config --exists $$p && echo $$p; done)
MSGPACK  := $(shell exec 2>/dev/null; pkg-config --exists msgpack-c && echo msgpack-c || echo msgpack)
WARN     := -Wall -Wextra -Wshadow -Wvla -Wno-unused-parameter $(if $(CI),-Werror)
CWARN    := $(WARN) -Wstrict-prototypes -Wmissing-prototypes
CPPFLAGS += -Ipipeline -Iplugin/include -Iplugin/sdk -I. -D_GNU_SOURCE -DTROMMEL_VERSION='"$(VERSION)"' \
            -DTROMMEL_PREFIX='"$(PREFIX)"' $(shell exec 2>/dev/null; pkg-config --cflags $(PKG) $(MSGPACK))
CFLAGS   += -std=gnu17 $(OPT) $(CWARN) -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections $(SAN)
CXXFLAGS += -std=gnu++20 $(OPT) $(WARN) -fPIC -fvisibility=hidden -fno-gnu-unique $(SAN)
LDFLAGS  += -Wl,--as-needed -Wl,--gc-sections -Wl,-z,now $(SAN)
LIBS     := $(shell exec 2>/dev/null; pkg-config --libs $(PKG) $(MSGPACK)) -llexbor -luchardet -lrocksdb -lpthread -ldl -lm

MAINS    := pipeline/main.c pipeline/chain/worker_main.c
SRC      := $(filter-out $(MAINS),$(sort $(wildcard pipeline/*.c pipeline/*/*.c pipeline/*/*/*.c)))
# What `trommel stage new` writes lies within the program.
KIT      := $(wildcard plugin/include/trommel/*.h plugin/sdk/*.h plugin/sdk/template/*/*)
OBJ      := $(SRC:%.c=$(BUILD)/%.o) $(BUILD)/pipeline/command/kit_files.o
MAINOBJ  := $(MAINS:%.c=$(BUILD)/%.o)
# The library is the host's side of the chain and what it stands on; a sink's records it moves without a libuv loop.
LIBDIRS  := pipeline/base pipeline/parse pipeline/record pipeline/chain pipeline/index pipeline/deliver pipeline/library
LIBOBJ   := $(filter-out $(BUILD)/pipeline/deliver/loop.o,$(filter $(addprefix $(BUILD)/,$(addsuffix /%,$(LIBDIRS))),$(OBJ)))

STAGES   := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard plugin/stage/*/*.c)))))
STAGESO  := $(STAGES:%=$(BUILD)/stage/%.so)
SINKS    := $(sort $(notdir $(basename $(wildcard plugin/sink/*.c))))
SINKSO   := $(SINKS:%=$(BUILD)/sink/%.so)
EXAMPLES := $(patsubst plugin/example/%.c,$(BUILD)/example/%.so,$(wildcard plugin/example/*.c))
HEADERS  := $(wildcard plugin/include/trommel/*.h)
# What stage authors include as <trommel/sdk/…>; in the tree plugin/include/trommel/sdk is a link to plugin/sdk.  The other
# headers there are the bundled stages' own.
SDK      := $(addprefix plugin/sdk/,amount.h dom.h put.h read.h select.h select_compile.h select_match.h \
            select_names.h units.h walk.h)
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/test/unit/%,$(wildcard tests/unit/*/test_*.c))
TESTSO   := $(patsubst tests/plugin/%.c,$(BUILD)/test/plugin/%.so,$(wildcard tests/plugin/*.c))
FUZZ     := $(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/test/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
TESTBIN  := $(BUILD)/embed/uv $(BUILD)/embed/wait $(UNITS) $(TESTSO) $(BUILD)/test/server $(FUZZ)
BENCHES  := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))

.DEFAULT_GOAL := all
.PHONY: all
all: need $(BUILD)/trommel $(BUILD)/trommel-worker $(BUILD)/libtrommel.so $(BUILD)/libtrommel.a $(STAGESO) $(SINKSO) $(EXAMPLES)

# A missing library is said before a compiler stumbles over it.
.PHONY: need
need:
	@pkg-config --exists $(PKGS) $(MSGPACK) && test -e /usr/include/lexbor/html/html.h -o -n "$(NO_NEED)" || \
	  { echo "make: libraries are missing ($$(pkg-config --print-errors --exists $(PKGS) $(MSGPACK) 2>&1 | sed -n "s/^Package '*\([a-z0-9-]*\)'*, required.*not found/\1/p;s/^Package \([a-z0-9-]*\) was not found.*/\1/p" | tr '\n' ' ')lexbor …); 'make deps' installs them" >&2; exit 1; }

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

# What says the version is compiled again when that changes.
$(BUILD)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
.PHONY: FORCE
$(patsubst %.c,$(BUILD)/%.o,$(shell grep -rl TROMMEL_VERSION --include='*.c' pipeline)): $(BUILD)/version

# The golden pages are taken in as they lie.
$(BUILD)/pipeline/chain/golden_pages.o: $(wildcard pipeline/chain/golden/*)

$(BUILD)/pipeline/command/kit_files.c: pipeline/command/kit_files.sh $(KIT)
	@mkdir -p $(@D)
	pipeline/command/kit_files.sh $(KIT) >$@.new && mv $@.new $@
$(BUILD)/pipeline/command/kit_files.o: $(BUILD)/pipeline/command/kit_files.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(BUILD)/libpipeline.a: $(OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/trommel: $(BUILD)/pipeline/main.o $(BUILD)/libpipeline.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/trommel-worker: $(BUILD)/pipeline/chain/worker_main.o $(BUILD)/libpipeline.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libtrommel.so: $(LIBOBJ) pipeline/library/libtrommel.map
	$(CC) $(LDFLAGS) -shared -Wl,-soname,libtrommel.so.0 -Wl,--version-script=pipeline/library/libtrommel.map -o $@ $(LIBOBJ) $(LIBS)
	@ln -sf libtrommel.so $(BUILD)/libtrommel.so.0

LIBPRIV  := -llexbor -luchardet -lfyaml -ljansson -lseccomp -lxxhash -ldeflate -lz -lbrotlidec -lzstd -lpthread -ldl -lm
# One object, in which all but the library's own names are local: they cannot meet those of a host.
$(BUILD)/libtrommel.a: $(LIBOBJ)
	@rm -f $@
	$(LD) -r -o $(BUILD)/libtrommel.o $^
	objcopy --localize-hidden $(BUILD)/libtrommel.o
	ar rcs $@ $(BUILD)/libtrommel.o

# Stages: one folder each; its stage.mk may set NAME_LIBS.  Sinks: one file each; NAME.mk may set NAME_LIBS and NAME_SRC.
-include $(wildcard plugin/stage/*/stage.mk plugin/sink/*.mk)
PLUGIN_LD := -shared -Wl,-z,now $(if $(SAN),,-Wl,-z,defs) -Wl,--exclude-libs,ALL -Wl,--as-needed -Wl,--gc-sections $(SAN)
stage_obj = $(patsubst %.c,$(BUILD)/%.o,$(wildcard plugin/stage/$1/*.c)) $(patsubst %.cc,$(BUILD)/%.o,$(wildcard plugin/stage/$1/*.cc))
.SECONDEXPANSION:
$(BUILD)/stage/%.so: $$(call stage_obj,$$*)
	@mkdir -p $(@D)
	$(if $(wildcard plugin/stage/$*/*.cc),$(CXX),$(CC)) $(PLUGIN_LD) -o $@ $^ $($*_LIBS) -lm
sink_obj = $(patsubst %.c,$(BUILD)/%.o,$($1_SRC))
$(BUILD)/sink/%.so: $(BUILD)/plugin/sink/%.o $$(call sink_obj,$$*)
	@mkdir -p $(@D)
	$(CC) $(PLUGIN_LD) -o $@ $^ $($*_LIBS)
$(BUILD)/example/%.so: $(BUILD)/plugin/example/%.o
	@mkdir -p $(@D)
	$(CC) $(PLUGIN_LD) -o $@ $^

# The Python package: one file for every Python from 3.9 on, with all that it needs of Trommel in it.
PYTHON   := plugin/embed/python
WHEEL    := $(BUILD)/wheel/trommel-$(VERSION)-cp39-abi3-linux_$(shell uname -m).whl
.PHONY: wheel
wheel: $(WHEEL)
	@echo $(WHEEL)
$(WHEEL): $(BUILD)/libtrommel.so $(BUILD)/trommel-worker $(STAGESO) $(SINKSO) $(HEADERS) \
          $(wildcard $(PYTHON)/* $(PYTHON)/src/* $(PYTHON)/trommel/*)
	@$(PYTHON)/wheel.sh $(BUILD) $(VERSION)

# Plugins of crawlers whose headers are there: build/embed/NAME/.  wget2 names a plugin by its file: `trommel` is
# libtrommel.so.
EMBED    := $(shell exec 2>/dev/null; pkg-config --exists libwget && echo $(BUILD)/embed/wget2/libtrommel.so; \
            test -e /usr/include/httrack/htsopt.h && echo $(BUILD)/embed/httrack/trommel-httrack.so)
$(BUILD)/plugin/embed/httrack/%.o: CPPFLAGS += -isystem /usr/include/httrack
EMBED_LD := $(PLUGIN_LD) -Wl,-z,nodelete -Wl,-rpath,'$$ORIGIN/../..' -L$(BUILD)
embed_obj = $(patsubst %.c,$(BUILD)/%.o,$(wildcard plugin/embed/common/*.c plugin/embed/$1/*.c))
all: $(if $(SAN),,$(EMBED))
$(BUILD)/embed/wget2/libtrommel.so: $(call embed_obj,wget2) $(BUILD)/libtrommel.so
	@mkdir -p $(@D)
	$(CC) $(EMBED_LD) -o $@ $(filter %.o,$^) -ltrommel $(shell pkg-config --libs libwget 2>/dev/null) -lpthread
$(BUILD)/embed/httrack/trommel-httrack.so: $(call embed_obj,httrack) $(BUILD)/libtrommel.so
	@mkdir -p $(@D)
	$(CC) $(EMBED_LD) -o $@ $(filter %.o,$^) -ltrommel -lhttrack -lpthread

# ---- tests -------------------------------------------------------------------------------------------

# A unit test is a program; it may use all of the pipeline.  One of a stage (unit/stage_NAME/) gets that stage's libraries.
$(BUILD)/test/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libpipeline.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $($(patsubst stage_%,%,$(firstword $(subst /, ,$*)))_LIBS) $(LIBS) -lcmocka
# Those of the library are made of it alone.
$(BUILD)/test/unit/library/%: $(BUILD)/tests/unit/library/%.o $(LIBOBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka
$(BUILD)/test/plugin/%.so: $(BUILD)/tests/plugin/%.o
	@mkdir -p $(@D)
	$(CC) -shared -Wl,-z,now $(SAN) -o $@ $^ -lpthread
$(BUILD)/test/server: $(BUILD)/tests/server.o $(BUILD)/tests/server_raw.o
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libuv zlib) -lm
$(BUILD)/test/fuzz/%: $(BUILD)/tests/fuzz/%_fuzz.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/libpipeline.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# The examples of embedding in C find the library beside them.
$(BUILD)/embed/%: $(BUILD)/plugin/embed/c/%.o $(BUILD)/libtrommel.so
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $< -L$(BUILD) -ltrommel -Wl,-rpath,'$$ORIGIN/..' $(shell pkg-config --libs libuv)

.PHONY: tests test units asan valgrind
tests: all $(TESTBIN) $(BENCHES)
units: $(UNITS)
test: deps
	@$(MAKE) --no-print-directory -j$(JOBS) tests wheel
	@tests/venv.sh $(BUILD) || [ $$? = 77 ]
	@tests/run.sh --build $(BUILD) $(if $(DATA),--data $(DATA))

# Everything again under AddressSanitizer and UndefinedBehaviorSanitizer: unit tests, fuzz corpora, and pages through
# the whole chain (bundled ones, and every SAMPLE-th of DATA).
SAMPLE ?= 10
asan: deps
	@tests/sanitize.sh asan --jobs $(JOBS) --sample $(SAMPLE) $(if $(DATA),--data $(DATA))
valgrind: deps
	@tests/sanitize.sh valgrind --jobs $(JOBS) --sample $(SAMPLE) $(if $(DATA),--data $(DATA))

# ---- the main job on the bundled site ----------------------------------------------------------------

.PHONY: demo deps deps-lint
demo: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all $(BUILD)/test/server
	@tests/demo.sh $(BUILD)
deps:
	@pipeline/deps.sh test
deps-lint:
	@pipeline/deps.sh lint

# ---- benches -----------------------------------------------------------------------------------------

$(BUILD)/bench/%: $(BUILD)/bench/%.o $(BUILD)/libpipeline.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
.PHONY: bench bench-swap bench-scrapy bench-embed bench-replay bench-quality benches
benches: all $(BENCHES) $(BUILD)/test/server
bench: deps
	@$(MAKE) --no-print-directory -j$(JOBS) benches
	@bench/run.sh $(BUILD) $(DATA)
bench-swap: deps
	@$(MAKE) --no-print-directory -j$(JOBS) tests
	@bench/swap.sh $(BUILD)
bench-embed: deps
	@$(MAKE) --no-print-directory -j$(JOBS) benches
	@$(MAKE) --no-print-directory wheel
	@bench/embed.sh $(BUILD) $(DATA)
bench-replay: deps
	@$(MAKE) --no-print-directory -j$(JOBS) benches
	@bench/replay.sh $(BUILD) $(DATA)
bench-scrapy: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all wheel $(BUILD)/test/server
	@bench/scrapy.sh $(BUILD) $(DATA)
bench-quality: all
	@bench/quality.sh $(BUILD) $(DATA)

# ---- form --------------------------------------------------------------------------------------------

C_FILES = $(shell git ls-files '*.c' '*.h' '*.cc' | grep -v -e '/model' -e 'names.h')
.PHONY: fmt lint
fmt:
	clang-format-14 -i $(C_FILES)
lint: deps-lint
	@tests/lint.sh $(C_FILES)

# ---- installing --------------------------------------------------------------------------------------

D        = $(DESTDIR)$(PREFIX)
LIBEXEC  = $(D)/lib/trommel
.PHONY: install uninstall
install: all
	install -d $(D)/bin $(LIBEXEC)/stage $(LIBEXEC)/sink $(D)/include/trommel/sdk $(D)/lib/pkgconfig $(D)/share/man/man1 $(D)/share/man/man3 $(D)/share/trommel/schemas
	install -m 755 $(BUILD)/trommel $(D)/bin/trommel
	install -m 755 $(BUILD)/trommel-worker $(LIBEXEC)/trommel-worker
	install -m 755 $(STAGESO) $(LIBEXEC)/stage
	install -m 755 $(SINKSO) $(LIBEXEC)/sink
	$(foreach e,$(EMBED),install -D -m 755 $(e) $(patsubst $(BUILD)/embed/%,$(LIBEXEC)/%,$(e)) &&) true
	install -m 755 $(BUILD)/libtrommel.so $(D)/lib/libtrommel.so.$(VERSION)
	ln -sf libtrommel.so.$(VERSION) $(D)/lib/libtrommel.so.0
	ln -sf libtrommel.so.0 $(D)/lib/libtrommel.so
	install -m 644 $(BUILD)/libtrommel.a $(D)/lib/libtrommel.a
	install -m 644 $(HEADERS) $(D)/include/trommel
	install -m 644 $(SDK) $(D)/include/trommel/sdk
	install -m 644 schemas/record.schema.json schemas/README.md $(D)/share/trommel/schemas
	install -m 644 pipeline/trommel.1 $(D)/share/man/man1/trommel.1
	install -m 644 pipeline/trommel.3 $(D)/share/man/man3/trommel.3
	printf 'prefix=%s\nlibdir=$${prefix}/lib\nincludedir=$${prefix}/include\n\nName: trommel\nDescription: The Trommel pipeline as a library\nVersion: %s\nLibs: -L$${libdir} -ltrommel\nLibs.private: $(LIBPRIV)\nCflags: -I$${includedir}\n' '$(PREFIX)' '$(VERSION)' >$(D)/lib/pkgconfig/trommel.pc
	printf 'prefix=%s\nincludedir=$${prefix}/include\nstagedir=$${prefix}/lib/trommel/stage\nsinkdir=$${prefix}/lib/trommel/sink\n\nName: trommel-stage\nDescription: Headers for stages and sinks of Trommel\nVersion: %s\nCflags: -I$${includedir}\n' '$(PREFIX)' '$(VERSION)' >$(D)/lib/pkgconfig/trommel-stage.pc
uninstall:
	rm -f $(D)/bin/trommel $(D)/lib/libtrommel.so $(D)/lib/libtrommel.so.0 $(D)/lib/libtrommel.so.$(VERSION) $(D)/lib/libtrommel.a
	rm -f $(D)/lib/pkgconfig/trommel.pc $(D)/lib/pkgconfig/trommel-stage.pc $(D)/share/man/man1/trommel.1 $(D)/share/man/man3/trommel.3
	rm -rf $(LIBEXEC) $(D)/include/trommel $(D)/share/trommel

.PHONY: clean help
clean:
	rm -rf $(BUILD)

help:
	@echo "make                 builds build/trommel, its worker, stages, sinks, libtrommel"
	@echo "make demo            installs what is missing, builds, crawls the bundled site, shows the records"
	@echo "make test            the same set-up, then every test; DATA=DIR adds the tests over a page collection"
	@echo "make asan            unit tests, fuzz corpora and pages under AddressSanitizer and UBSan (DATA=DIR SAMPLE=N)"
	@echo "make valgrind        unit tests and pages under valgrind (DATA=DIR SAMPLE=N)"
	@echo "make bench           cost of each leg and of the whole way, as ratios to the parse alone (DATA=DIR)"
	@echo "make bench-swap      a crawl whose chain is changed twice a second, against the same without changes"
	@echo "make bench-embed     cost of each way of embedding, as ratios to the chain in one process (DATA=DIR PAGES=N)"
	@echo "make bench-replay    replay of a WARC of 20000 pages, against bare reading and the chain alone (DATA=DIR PAGES=N)"
	@echo "make bench-scrapy    Scrapy with the component against Scrapy with trafilatura, the same 2,000 pages (DATA=DIR)"
	@echo "make bench-quality   scores of the extraction (DATA=DIR in WCXB's format)"
	@echo "make wheel           the Python package, in $(BUILD)/wheel"
	@echo "make install         into PREFIX ($(PREFIX)), under DESTDIR; make uninstall takes it away"
	@echo "make deps            installs the Debian packages that are needed; make deps-lint those of fmt and lint"
	@echo "make fmt lint        formats the sources; checks them, the scripts and the man page"
	@echo "make clean           removes $(BUILD)/"

# Nothing built by a chain of rules is thrown away.
.SECONDARY:
-include $(OBJ:.o=.d) $(MAINOBJ:.o=.d) $(shell find $(BUILD)/plugin $(BUILD)/tests $(BUILD)/bench -name '*.d' 2>/dev/null)
