# The tests.  Included by the Makefile.

# RUN is put before each program, as "valgrind" or "qemu-s390x"; where that
# makes them slow, give the simulator and the stress test less to do.
RUN ?=
SEEDS ?= 10000
OPERATIONS ?= 1000000
TEST_SECONDS ?= 300

CMOCKA_CFLAGS = $(shell $(PKG_CONFIG) --cflags cmocka 2>/dev/null)
CMOCKA_LIBS = $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null || echo -lcmocka)
TEST_CFLAGS = -std=c11 -fexceptions -pthread -Wall -Wextra -Wshadow \
	-D_DEFAULT_SOURCE -Iinclude -Isrc -Itests $(CMOCKA_CFLAGS) \
	$(CPPFLAGS) $(CFLAGS) -MMD -MP
WRAP = -Wl,--wrap=posix_memalign,--wrap=pthread_mutex_init \
	-Wl,--wrap=pthread_cond_init,--wrap=pthread_condattr_init
$(B)/tests/unit/test_park: WRAP += -Wl,--wrap=pthread_cond_wait \
	-Wl,--wrap=pthread_cond_timedwait
$(B)/tests/unit/test_random: WRAP += -Wl,--wrap=getrandom \
	-Wl,--wrap=clock_gettime
$(B)/tests/unit/test_wake: WRAP += -Wl,--wrap=write
$(B)/tests/unit/test_pool_threads: WRAP += -Wl,--wrap=pthread_create \
	-Wl,--wrap=pthread_join,--wrap=pthread_detach

unit_of = $(patsubst tests/unit/%.c,$(B)/tests/unit/%,\
	$(wildcard tests/unit/$(1).c))
UV_UNIT = $(call unit_of,test_uv*)
UNIT = $(filter-out $(if $(HAVE_UV),,$(UV_UNIT)),$(call unit_of,*))
SCENARIOS = $(B)/tests/scenarios/blocking \
	$(if $(HAVE_UV),$(B)/tests/scenarios/uv)
SIM = $(B)/tests/sim/sim
STRESS = $(B)/tests/stress/stress
FAULTS = $(B)/tests/faults/faults

$(B)/tests/%.o: tests/%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -c -o $@ $<
$(B)/tests/%.o: tests/%.cpp $(B)/flags
	@mkdir -p $(@D)
	$(CXX) -std=c++11 -pthread -Wall -Wextra -Iinclude $(CPPFLAGS) $(CFLAGS) \
		-MMD -MP -c -o $@ $<

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/tests/support.o $(B)/libweir.a
	$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $^ $(CMOCKA_LIBS) -lm -pthread
$(UV_UNIT): %: %.o $(B)/tests/support.o $(B)/libweir-uv.a $(B)/libweir.a
	$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $^ $(CMOCKA_LIBS) $(UV_LIBS) \
		-pthread
$(B)/tests/unwind: $(B)/tests/unwind.o $(B)/libweir.a
	$(CXX) $(CFLAGS) $(LDFLAGS) -o $@ $^ -pthread
$(B)/tests/unload: $(B)/tests/unload.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ldl -pthread
$(B)/tests/scenarios/blocking: $(B)/tests/scenarios/blocking.o \
		$(B)/tests/scenarios/scenario.o $(B)/libweir.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -pthread
$(B)/tests/scenarios/uv: $(B)/tests/scenarios/uv.o \
		$(B)/tests/scenarios/scenario.o $(B)/libweir-uv.a $(B)/libweir.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(UV_LIBS) -pthread
$(SIM): $(patsubst %.c,$(B)/%.o,$(wildcard tests/sim/*.c)) $(B)/libweir.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -pthread

FAULTY = posix_memalign free pthread_mutex_init pthread_mutex_destroy \
	pthread_cond_init pthread_cond_destroy pthread_condattr_init \
	pthread_condattr_destroy pthread_condattr_setclock pthread_create \
	pthread_cond_wait \
	pthread_cond_timedwait fcntl open read close write getrandom \
	$(if $(HAVE_UV),uv_async_init)
$(B)/tests/faults/%.o: TEST_CFLAGS += $(if $(HAVE_UV),-DWITH_UV)
# Only the calls of weir are wrapped: sanitizers, linked in, have their own.
$(B)/tests/faults/weir.o: $(if $(HAVE_UV),$(B)/libweir-uv.a) $(B)/libweir.a
	$(CC) $(filter-out -fsanitize%,$(CFLAGS)) -r -nostdlib -o $@ \
		$(FAULTY:%=-Wl,--wrap=%) -Wl,--whole-archive $^ \
		-Wl,--no-whole-archive
$(FAULTS): $(patsubst %.c,$(B)/%.o,$(filter-out $(if $(HAVE_UV),,%/uv.c),\
		$(wildcard tests/faults/*.c))) $(B)/tests/faults/weir.o
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(UV_LIBS) -pthread

$(STRESS): $(patsubst %.c,$(B)/%.o,$(wildcard tests/stress/*.c)) \
		$(B)/libweir.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -pthread

.SECONDARY: # objects are kept: make would take them for intermediate
.PHONY: check check-unit check-faults check-scenarios check-sim check-stress \
	check-between check-build relacy models freeze

check: check-unit check-faults check-scenarios check-sim check-stress \
	check-between check-fuzz check-build

check-unit: $(UNIT) $(if $(CXX),$(B)/tests/unwind)
	@for t in $^; do timeout $(TEST_SECONDS) $(RUN) $$t || exit 1; done

check-faults: $(FAULTS)
	@timeout $(TEST_SECONDS) $(FAULTS)

# Python loads the shared library, which must then be free of sanitizers.
PYTHON_DRIVER = $(strip $(if $(findstring -fsanitize,$(CFLAGS)),,\
	$(shell command -v $(PYTHON) 2>/dev/null)))
check-scenarios: $(SCENARIOS) lib
	@for t in $(SCENARIOS); do \
		timeout $(TEST_SECONDS) $(RUN) $$t tests/scenarios/table.txt \
			> $$t.trace || exit 1; \
		cmp $$t.trace $(B)/tests/scenarios/blocking.trace || exit 1; \
	done
	@$(if $(PYTHON_DRIVER),\
		$(PYTHON) tests/scenarios/asyncio_driver.py $(B)/libweir.so \
			tests/scenarios/table.txt > $(B)/tests/scenarios/asyncio.trace && \
		cmp $(B)/tests/scenarios/asyncio.trace \
			$(B)/tests/scenarios/blocking.trace,\
		echo "asyncio: skipped")

check-sim: $(SIM)
	@timeout $(TEST_SECONDS) $(RUN) $(SIM) 1 $(SEEDS)

check-stress: $(STRESS)
	@timeout $(TEST_SECONDS) $(RUN) $(STRESS) $(OPERATIONS)

# For long, half an hour on two cores; a quarter of one under TSan.
SOAK_OPERATIONS ?= 1000000000
SOAK_ROUNDS ?= 1000
.PHONY: soak soak-tsan
soak: $(STRESS)
	@sh tests/stress/soak.sh $(STRESS) $(SOAK_OPERATIONS) $(SOAK_ROUNDS)
soak-tsan:
	@$(MAKE) soak CC=clang CXX=clang++ PKG_CONFIG=false B=$(B)/tsan \
		CFLAGS="-O1 -g -fsanitize=thread" \
		SOAK_OPERATIONS=$$(($(SOAK_OPERATIONS) / 10))

# What a user meets before the first call: headers, symbols, install, README.
check-build: all $(B)/tests/unload
	@timeout $(TEST_SECONDS) $(B)/tests/unload $(B)/libweir.so 500
	@CC="$(CC)" CXX="$(CXX)" sh tests/headers.sh $(B)
	@MAKE="$(MAKE)" CC="$(CC)" sh tests/install.sh $(B)
	@sh tests/catalogue.sh
	@sh tests/fallible.sh $(B) $(FAULTY) uv_async_init

.PHONY: lint coverage mcdc
lint:
	@sh tests/lint.sh

# Lines of src/ that are run by the tests that do the same each time; some once
# more where the C library does not tell the processor.  (The branches that
# gcovr shows are more than are written: calls that may be unwound, inlined
# copies.)
COVERED = HARDENING=none check-unit check-faults check-scenarios check-between
WITHOUT_RSEQ = GLIBC_TUNABLES=glibc.pthread.rseq=0
coverage:
	rm -f $(shell find $(B)/coverage -name '*.gcda' 2>/dev/null)
	$(MAKE) B=$(B)/coverage CC=gcc CXX=g++ \
		CFLAGS="-O0 -g --coverage -DNDEBUG" $(COVERED)
	$(WITHOUT_RSEQ) $(B)/coverage/tests/unit/test_bulkhead_stripes \
		> /dev/null 2>&1
	gcovr -r . -f src/ --exclude-throw-branches --print-summary \
		--fail-under-line 100 --sort-uncovered $(B)/coverage

# Branches, and conditions: each shown to decide its decision on its own
# (MC/DC).
MCDC = $(B)/mcdc
mcdc:
	rm -rf $(MCDC)/raw
	export LLVM_PROFILE_FILE=$(abspath $(MCDC))/raw/%8m.profraw && \
	$(MAKE) B=$(MCDC) CC=clang-19 CXX=clang++-19 \
		CFLAGS="-O0 -g -DNDEBUG -fprofile-instr-generate \
		-fcoverage-mapping -fcoverage-mcdc -fprofile-update=atomic" \
		$(COVERED) && \
	$(WITHOUT_RSEQ) $(MCDC)/tests/unit/test_bulkhead_stripes \
		> /dev/null 2>&1
	llvm-profdata-19 merge -o $(MCDC)/profile $(MCDC)/raw/*.profraw
	llvm-cov-19 export --instr-profile=$(MCDC)/profile \
		$(MCDC)/between/between $(patsubst $(B)/%,-object=$(MCDC)/%,\
		$(UNIT) $(FAULTS) $(SCENARIOS) $(B)/tests/unwind) \
		> $(MCDC)/export.json
	@$(PYTHON) tests/coverage.py $(MCDC)/export.json

relacy:
	@CXX="$(CXX)" sh tests/relacy/run.sh $(B)

models:
	@CC="$(CC)" sh tests/models/run.sh $(B)

# Targets for libFuzzer, and the same with a main function that replays files.
FUZZ = operations options clock
FUZZ_SECONDS ?= 60
FUZZ_CORPUS = tests/fuzz/corpus
FUZZERS = $(FUZZ:%=$(B)/tests/fuzz/%)
$(FUZZERS): %: %.o $(if $(FUZZER),,$(B)/tests/fuzz/replay.o) \
		$(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,\
		$(wildcard tests/sim/*.c))) $(B)/libweir.a
	$(CC) $(CFLAGS) $(LDFLAGS) $(FUZZER) -o $@ $^ -lm -pthread

# Are the tests able to fail?  Mutants of src/, drawn at random for so many
# seconds (0: all of them) by a seed (0: any); and a bug for each entry of the
# catalogue.  What came out is kept in build/mutate.
MUTATE_SECONDS ?= 600
MUTATE_SEED ?= 0
.PHONY: mutate mutate-catalogue
mutate:
	@$(PYTHON) tests/mutate/mutate.py --sample $(MUTATE_SECONDS) \
		--seed $(MUTATE_SEED)
mutate-catalogue:
	@$(PYTHON) tests/mutate/mutate.py --seeded

# All of it at the size of a release; SHORT=1: to see that it works.
.PHONY: proof
proof:
	@MAKE="$(MAKE)" sh tests/proof.sh $(B) $(SHORT)

.PHONY: check-fuzz fuzz fuzzers
fuzzers: $(FUZZERS)
check-fuzz: $(FUZZERS)
	@for t in $(FUZZ); do \
		timeout $(TEST_SECONDS) $(RUN) $(B)/tests/fuzz/$$t $(FUZZ_CORPUS)/$$t/* \
			> $(B)/tests/fuzz/$$t.log || \
			{ tail -n 3 $(B)/tests/fuzz/$$t.log; exit 1; }; \
		echo "fuzz: $$t: $$(ls $(FUZZ_CORPUS)/$$t | wc -l) inputs"; \
	done

fuzz:
	@CC="$(CLANG)" MAKE="$(MAKE)" sh tests/fuzz/run.sh $(B)/fuzz \
		$(FUZZ_SECONDS) $(FUZZ)

# The library once more, with a call at each atomic operation; see freeze.h.
FREEZE = $(B)/freeze/freeze
FROZEN = $(patsubst src/%.c,$(B)/freeze/%.o,$(CORE_SRC))
$(B)/freeze/%.o: src/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -fsanitize=thread -DWEIR_TEST_CPU -Isrc -c -o $@ $<
$(B)/tests/freeze/worlds.o: tests/freeze/worlds.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) -fsanitize=thread -DWEIR_TEST_CPU -Isrc -c -o $@ $<
$(FREEZE): $(patsubst %.c,$(B)/%.o,$(wildcard tests/freeze/*.c)) $(FROZEN)
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=pthread_mutex_lock \
		-Wl,--wrap=pthread_mutex_unlock -o $@ $^ -pthread

# With a bug seeded it must be found.
freeze: $(FREEZE)
	@timeout $(TEST_SECONDS) $(FREEZE)
	@timeout $(TEST_SECONDS) $(FREEZE) spin > $(FREEZE).spin; [ $$? -eq 3 ]
	@timeout $(TEST_SECONDS) $(FREEZE) torn > $(FREEZE).torn; [ $$? -eq 4 ]
	@echo "freeze: both bugs found"

# The library once more, with a call before each atomic operation.
BETWEEN = $(B)/between/between
HOOKED = $(patsubst src/%.c,$(B)/between/%.o,$(CORE_SRC))
HOOKS = -include tests/between/hooks.h -DWEIR_TEST_CPU -Isrc
$(B)/between/%.o: src/%.c $(B)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(HOOKS) -c -o $@ $<
$(B)/tests/between/%.o: TEST_CFLAGS += -DWEIR_TEST_CPU
$(BETWEEN): $(patsubst %.c,$(B)/%.o,$(wildcard tests/between/*.c)) $(HOOKED)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -pthread

check-between: $(BETWEEN)
	@timeout 300 $(RUN) $(BETWEEN)

# Not on every target, and not with other sanitizers.
check: $(if $(findstring -fsanitize,$(CFLAGS)),,$(shell echo 'int x;' | \
	$(CC) $(filter-out --coverage,$(CFLAGS)) -fsanitize=thread -x c -c \
	-o /dev/null - 2>/dev/null && echo freeze))

# The same tests on other machines and C libraries, and under valgrind; each
# has its own folder in $(B).
TARGETS = valgrind musl i386 armhf arm64 s390x
.PHONY: targets $(TARGETS)
targets: $(TARGETS)
$(TARGETS):
	@MAKE="$(MAKE)" sh tests/targets.sh $@ $(B)
