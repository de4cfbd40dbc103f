# weir - `make help` says what there is.

VERSION = 0.1.0
SOVERSION = 0.1
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

CC ?= cc
CXX ?= c++
CLANG ?= clang
AR ?= ar
PKG_CONFIG ?= pkg-config
PYTHON ?= python3
CFLAGS ?= -O2 -g
B ?= build

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
	-Wstrict-prototypes -Wmissing-prototypes
OUR_CPPFLAGS = -Iinclude -D_POSIX_C_SOURCE=200809L
OUR_CFLAGS = -std=c11 -fPIC -fvisibility=hidden -fexceptions -pthread \
	$(WARNINGS)
COMPILE = $(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) $(filter-out -Wl%,$(HARDENED)) \
	$(CPPFLAGS) $(CFLAGS) -MMD -MP

# What of these compiler and linker know; HARDENING=none: none of them.  Not
# among them, for what they cost a call: -fstack-protector-strong, 6 of 44
# instructions (without "strong" only arrays are guarded, and the hot path has
# none), and -fcf-protection, one for each function.
HARDENING ?= yes
HARDENING_FLAGS = -fstack-protector -fstack-clash-protection \
	-D_FORTIFY_SOURCE=2 -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
try_flags = $(shell mkdir -p $(B); echo '#'include '<stdlib.h>' > $(B)/try.c; \
	for f in $(1); do $(CC) $(CPPFLAGS) $(CFLAGS) -Werror $$f -shared -fPIC \
	-o $(B)/try $(B)/try.c 2>/dev/null && echo $$f; done; rm -f $(B)/try*)
# Sanitizers bring guards of their own, and -D_FORTIFY_SOURCE hides from them.
ifeq ($(HARDENING)$(findstring -fsanitize,$(CFLAGS)),yes)
HARDENED := $(call try_flags,$(HARDENING_FLAGS))
endif

# libuv is optional: without it the rest builds, tests and installs.
UV_CFLAGS := $(shell $(PKG_CONFIG) --cflags libuv 2>/dev/null)
UV_LIBS := $(shell $(PKG_CONFIG) --libs libuv 2>/dev/null)
HAVE_UV := $(if $(UV_LIBS),yes)

CORE_SRC = $(filter-out src/driver/uv.c,$(wildcard src/*/*.c))
CORE_OBJ = $(CORE_SRC:%.c=$(B)/%.o)
UV_OBJ = $(B)/src/driver/uv.o
LIB = $(B)/libweir.a $(B)/libweir.so
UV_LIB = $(if $(HAVE_UV),$(B)/libweir-uv.a $(B)/libweir-uv.so)

.PHONY: all lib demo deps check install uninstall clean help
all: lib $(if $(HAVE_UV),,no-uv)
lib: $(LIB) $(UV_LIB)

.PHONY: no-uv
no-uv:
	@echo "libuv was not found: libweir-uv is left out (see make deps)"

# Every object depends on the flags it was compiled with.
FLAGS := $(CC) $(HARDENED) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) $(UV_LIBS)
$(B)/flags: FORCE
	@mkdir -p $(B)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@
.PHONY: FORCE
FORCE:

$(B)/src/%.o: src/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(UV_CFLAGS) -Isrc -c -o $@ $<

%.a:
	rm -f $@
	$(AR) rcs $@ $^
$(B)/libweir.a: $(CORE_OBJ)
$(B)/libweir-uv.a: $(UV_OBJ)

$(B)/libweir.so.$(VERSION): $(CORE_OBJ) src/libweir.map
	$(CC) -shared -pthread $(HARDENED) $(CFLAGS) $(LDFLAGS) -o $@ $(CORE_OBJ) \
		-Wl,-Bsymbolic-functions \
		-Wl,-soname,libweir.so.$(SOVERSION) \
		-Wl,--version-script,src/libweir.map
$(B)/libweir-uv.so.$(VERSION): $(UV_OBJ) src/libweir-uv.map $(B)/libweir.so
	$(CC) -shared -pthread $(HARDENED) $(CFLAGS) $(LDFLAGS) -o $@ $(UV_OBJ) \
		-Wl,-soname,libweir-uv.so.$(SOVERSION) \
		-Wl,--version-script,src/libweir-uv.map -L$(B) -lweir $(UV_LIBS)
$(B)/lib%.so: $(B)/lib%.so.$(VERSION)
	ln -sf $(<F) $(B)/lib$*.so.$(SOVERSION)
	ln -sf $(<F) $@

# ---- the demo and the examples ----

DEMO_OBJ = $(patsubst %.c,$(B)/%.o,$(wildcard examples/demo/*.c))
EXAMPLES = $(patsubst examples/%.c,$(B)/examples/%,$(wildcard examples/*.c))

$(B)/examples/%.o: examples/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<
$(B)/examples/demo/demo: $(DEMO_OBJ) $(B)/libweir.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -pthread
$(B)/examples/%: $(B)/examples/%.o $(B)/libweir.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -pthread

demo: $(B)/examples/demo/demo
	@$<

# ---- install ----

HEADERS = include/weir.h $(wildcard include/weir/*.h)
INSTALLED_LIBS = weir $(if $(HAVE_UV),weir-uv)

$(B)/%.pc: pkgconfig/%.pc.in $(B)/flags
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		$< > $@

install: all
	rm -f $(INSTALLED_LIBS:%=$(B)/%.pc)
	$(MAKE) $(INSTALLED_LIBS:%=$(B)/%.pc)
	mkdir -p $(DESTDIR)$(INCLUDEDIR)/weir $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 include/weir.h $(if $(HAVE_UV),include/weir_uv.h) \
		$(DESTDIR)$(INCLUDEDIR)
	install -m 644 include/weir/*.h $(DESTDIR)$(INCLUDEDIR)/weir
	for l in $(INSTALLED_LIBS); do \
		install -m 644 $(B)/lib$$l.a $(DESTDIR)$(LIBDIR) && \
		install -m 755 $(B)/lib$$l.so.$(VERSION) $(DESTDIR)$(LIBDIR) && \
		ln -sf lib$$l.so.$(VERSION) \
			$(DESTDIR)$(LIBDIR)/lib$$l.so.$(SOVERSION) && \
		ln -sf lib$$l.so.$(VERSION) $(DESTDIR)$(LIBDIR)/lib$$l.so && \
		install -m 644 $(B)/$$l.pc $(DESTDIR)$(LIBDIR)/pkgconfig || exit 1; \
	done

uninstall:
	rm -rf $(DESTDIR)$(INCLUDEDIR)/weir
	rm -f $(DESTDIR)$(INCLUDEDIR)/weir.h $(DESTDIR)$(INCLUDEDIR)/weir_uv.h
	for l in weir weir-uv; do \
		rm -f $(DESTDIR)$(LIBDIR)/lib$$l.a $(DESTDIR)$(LIBDIR)/lib$$l.so \
			$(DESTDIR)$(LIBDIR)/lib$$l.so.* \
			$(DESTDIR)$(LIBDIR)/pkgconfig/$$l.pc; \
	done

.PHONY: deps-targets
deps:
	sh tests/deps.sh
deps-targets:
	sh tests/deps.sh targets

clean:
	rm -rf $(B)

help:
	@echo "make              the libraries, into $(B)/"
	@echo "make demo         the point of weir, in half a minute"
	@echo "make deps         installs what the tests need (root or sudo)"
	@echo "make check        all tests"
	@echo "make coverage mcdc   what the tests reach, and what decides"
	@echo "make lint         analysers, which may find nothing"
	@echo "make relacy models   threads and states, searched whole or at random"
	@echo "make freeze       lock-free operations while others are stopped"
	@echo "make fuzz         three targets, FUZZ_SECONDS each"
	@echo "make mutate mutate-catalogue   bugs that the tests must find"
	@echo "make soak soak-tsan   the stress for long, SOAK_OPERATIONS of it"
	@echo "make deps-targets targets   other machines, musl, valgrind"
	@echo "make proof        all of these, as one table (hours)"
	@echo "make bench        what a call costs here, against a bare call"
	@echo "make bench-deps   installs the peers of bench-peers, under $(B)/"
	@echo "make bench-peers  weir beside the libraries of other languages"
	@echo "make bench-growth how that grows: threads, handles, depth, windows"
	@echo "make bench-instructions   against the bounds in bench/"
	@echo "make install      DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) LIBDIR=$(LIBDIR)"
	@echo "make uninstall    takes it away again"
	@echo "make clean        removes $(B)/"
	@echo "CC, CFLAGS, CPPFLAGS and LDFLAGS are yours; B names the build folder"

-include tests/tests.mk
-include bench/peers/peers.mk
-include bench/bench.mk
-include $(shell find $(B) -name '*.d' 2>/dev/null)
