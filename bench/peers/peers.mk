# weir beside the libraries that users would pick instead.  Included by the
# Makefile.  bench-deps uses the network.

PEERS = $(B)/peers
PEER_LANGUAGES = $(patsubst bench/peers/%/build.sh,%,\
	$(wildcard bench/peers/*/build.sh))
PEER_PROGRAMS = $(PEER_LANGUAGES:%=$(PEERS)/%/run)
# Where the makers of Go and Rust install them.
PEER_PATH = PATH="$$PATH:/usr/local/go/bin:$$HOME/.cargo/bin"
BENCH_RESULTS ?= bench/results
ROUNDS ?= 21
ROUND_MS ?= 25
THREADS ?= 1 2 4 8

.PHONY: bench-deps bench-peers
bench-deps:
	@$(PEER_PATH) sh bench/peers/deps.sh
	@$(MAKE) --no-print-directory $(PEER_PROGRAMS)
bench-peers: $(PEERS)/c/run $(wildcard $(PEER_PROGRAMS))
	@$(PEER_PATH) $(PYTHON) -B bench/peers/peers.py $(PEERS) $(BENCH_RESULTS) \
		$(ROUNDS) $(ROUND_MS) $(THREADS)

# A peer that cannot be built here is skipped.
$(foreach l,$(PEER_LANGUAGES),$(eval \
	$(PEERS)/$l/run: $(shell find bench/peers/$l -type f)))
$(PEER_PROGRAMS): $(PEERS)/%/run:
	@mkdir -p $(@D)
	@rm -f $@
	@$(PEER_PATH) sh bench/peers/$*/build.sh $(abspath $(@D)) && \
		echo "peers: $* is ready" || echo "peers: $* is skipped"

$(PEERS)/c/run: $(wildcard bench/peers/c/*) bench/floor.h $(B)/libfloor.so \
		$(B)/libweir.so
	@mkdir -p $(@D)
	$(CC) -std=c11 -O2 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Iinclude \
		-Ibench -o $@ $(filter %.c,$^) -L$(B) -lweir -lfloor -pthread \
		-Wl,-rpath,'$$ORIGIN/../..'
