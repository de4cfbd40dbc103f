# The benchmarks.  Included by the Makefile.  Through the shared library, as
# users call it.  BENCH_ROUNDS and BENCH_SECONDS bound the work; CASES and
# PLOTS (words) choose from it.

BENCH_RESULTS ?= bench/results
BENCH_CFLAGS = -std=c11 -O2 -g -pthread -Wall -Wextra -Iinclude -MMD -MP \
	-DBENCH_FLAGS='"$(strip $(CFLAGS) $(CPPFLAGS))"'
BENCH_OBJ = $(patsubst %.c,$(B)/%.o,$(wildcard bench/case_*.c) \
	bench/harness.c bench/machine.c bench/memory.c)
BENCH_ENV = BENCH_RESULTS=$(BENCH_RESULTS) \
	BENCH_COMMIT="$$(git describe --always --dirty 2>/dev/null)"
HAVE_GNUPLOT = $(shell command -v gnuplot 2>/dev/null)
CHART = $(if $(HAVE_GNUPLOT),gnuplot -e "results='$(BENCH_RESULTS)'",\
	@echo "no gnuplot here: no chart from")

$(B)/bench/%.o: bench/%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) -c -o $@ $<
$(B)/libfloor.so: bench/floor.c bench/floor.h
	@mkdir -p $(@D)
	$(CC) -shared -fPIC -O2 -Iinclude -o $@ $<
$(B)/bench/bench: $(B)/bench/bench.o $(B)/bench/report.o $(BENCH_OBJ)
$(B)/bench/growth: $(patsubst %.c,$(B)/%.o,$(wildcard bench/growth*.c)) \
	$(BENCH_OBJ)
$(B)/bench/instructions: $(B)/bench/instructions.o $(BENCH_OBJ)
$(B)/bench/bench $(B)/bench/growth $(B)/bench/instructions: \
		$(B)/libfloor.so $(B)/libweir.so
	$(CC) -o $@ $(filter %.o,$^) -L$(B) -lweir -lfloor -pthread \
		-Wl,-rpath,'$$ORIGIN/..'

.PHONY: bench bench-growth bench-instructions
bench: $(B)/bench/bench
	@mkdir -p $(BENCH_RESULTS)
	@$(BENCH_ENV) $< $(CASES)
	$(CHART) bench/chart.gp

bench-growth: $(B)/bench/growth
	@mkdir -p $(BENCH_RESULTS)
	@$(BENCH_ENV) $< $(PLOTS)
	$(if $(PLOTS),,$(CHART) bench/growth.gp)

# REFRESH=1 writes what is measured as the new bounds.
COMPILER = $(if $(findstring clang,$(shell $(CC) --version)),clang,gcc)
bench-instructions: $(B)/bench/instructions
	@sh bench/instructions.sh $< $(COMPILER) $(REFRESH)
