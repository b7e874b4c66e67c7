# Trommel.  `make help` lists what can be made.
#
# Layout: all of pipeline/ but the two main files goes into build/libpipeline.a, from which each program
# takes what it needs; stages and sinks are shared objects that import nothing from the host.

CC       ?= gcc
CXX      ?= g++
PREFIX   ?= /usr/local
BUILD    ?= build
OPT      ?= -O2 -g
SAN      ?=
PKG      := $(shell for p in libuv libcurl libdeflate zlib libbrotlidec libzstd libxxhash libpsl jansson libfyaml; do pkg-config --exists $$p && echo $$p; done)
MSGPACK  := $(shell pkg-config --exists msgpack-c && echo msgpack-c || echo msgpack)
WARN     := -Wall -Wextra -Wshadow -Wvla -Wno-unused-parameter
CWARN    := $(WARN) -Wstrict-prototypes -Wmissing-prototypes
VERSION  := 0.1.0
CPPFLAGS += -Ipipeline -Iplugin/include -Iplugin/sdk -I. -D_GNU_SOURCE -DTROMMEL_VERSION='"$(VERSION)"' -DTROMMEL_PREFIX='"$(PREFIX)"' \
            $(shell pkg-config --cflags $(PKG) $(MSGPACK) 2>/dev/null)
CFLAGS   += -std=gnu17 $(OPT) $(CWARN) -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections $(SAN)
CXXFLAGS += -std=gnu++20 $(OPT) $(WARN) -fPIC -fvisibility=hidden -fno-gnu-unique $(SAN)
LDFLAGS  += -Wl,--as-needed -Wl,--gc-sections -Wl,-z,now $(SAN)
LIBS     := $(shell pkg-config --libs $(PKG) $(MSGPACK) 2>/dev/null) -llexbor -luchardet -lrocksdb -lpthread -ldl -lm

MAINS    := pipeline/main.c pipeline/chain/worker_main.c
SRC      := $(filter-out $(MAINS),$(sort $(wildcard pipeline/*.c pipeline/*/*.c)))
OBJ      := $(SRC:%.c=$(BUILD)/%.o)
MAINOBJ  := $(MAINS:%.c=$(BUILD)/%.o)
# The library is the host's side of the chain and what it stands on.
LIBDIRS  := pipeline/base pipeline/record pipeline/chain pipeline/index pipeline/library
LIBOBJ   := $(filter $(addprefix $(BUILD)/,$(addsuffix /%,$(LIBDIRS))),$(OBJ))

STAGES   := $(notdir $(patsubst %/,%,$(dir $(wildcard plugin/stage/*/*.c))))
STAGES   := $(sort $(STAGES))
STAGESO  := $(STAGES:%=$(BUILD)/stage/%.so)
SINKSO   := $(patsubst plugin/sink/%.c,$(BUILD)/sink/%.so,$(wildcard plugin/sink/*.c))
EXAMPLES := $(patsubst plugin/example/%.c,$(BUILD)/example/%.so,$(wildcard plugin/example/*.c))
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/test/unit/%,$(wildcard tests/unit/*/test_*.c))

.DEFAULT_GOAL := all
.PHONY: all
all: $(BUILD)/trommel $(BUILD)/trommel-worker $(BUILD)/libtrommel.so $(BUILD)/libtrommel.a $(STAGESO) $(SINKSO) $(EXAMPLES)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libpipeline.a: $(OBJ)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/trommel: $(BUILD)/pipeline/main.o $(BUILD)/libpipeline.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/trommel-worker: $(BUILD)/pipeline/chain/worker_main.o $(BUILD)/libpipeline.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libtrommel.so: $(LIBOBJ)
	$(CC) $(LDFLAGS) -shared -Wl,-soname,libtrommel.so.0 -o $@ $^ $(LIBS)

$(BUILD)/libtrommel.a: $(LIBOBJ)
	@rm -f $@
	ar rcs $@ $^

# Stages: one folder each; folder.mk may set NAME_LIBS.
-include $(wildcard plugin/stage/*/stage.mk)
STAGE_LD := -shared -Wl,-z,now -Wl,-z,defs -Wl,--exclude-libs,ALL -Wl,--as-needed -Wl,--gc-sections
.SECONDEXPANSION:
$(BUILD)/stage/%.so: $$(patsubst %.c,$(BUILD)/%.o,$$(wildcard plugin/stage/$$*/*.c)) $$(patsubst %.cc,$(BUILD)/%.o,$$(wildcard plugin/stage/$$*/*.cc))
	@mkdir -p $(@D)
	$(if $(filter %.cc,$(wildcard plugin/stage/$*/*.cc)),$(CXX),$(CC)) $(STAGE_LD) $(SAN) -o $@ $^ $($*_LIBS) -lm
$(BUILD)/sink/%.so: $(BUILD)/plugin/sink/%.o
	@mkdir -p $(@D)
	$(CC) $(STAGE_LD) $(SAN) -o $@ $^ $($*_LIBS) $(shell pkg-config --libs libxxhash libzstd 2>/dev/null)
$(BUILD)/example/%.so: $(BUILD)/plugin/example/%.o
	@mkdir -p $(@D)
	$(CC) $(STAGE_LD) $(SAN) -o $@ $^

# A unit test is a program; it may use all of the pipeline.
$(BUILD)/test/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libpipeline.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS) -lcmocka
.PHONY: units
units: $(UNITS)

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(OBJ:.o=.d) $(MAINOBJ:.o=.d) $(shell find $(BUILD)/plugin $(BUILD)/tests -name '*.d' 2>/dev/null)
