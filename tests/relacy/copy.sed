# The members of the library's structs whose races and whose use after their
# end Relacy is to report; by file.

# ==> policy/bulkhead_core.h
s/^    weir__waiter \*previous;/    watched<weir__waiter *> previous;/
s/^    weir__waiter \*next;/    watched<weir__waiter *> next;/
s/^    weir__waker \*waker;/    watched<weir__waker *> waker;/
s/^    weir__waiter \*first;/    watched<weir__waiter *> first;/
s/^    weir__waiter \*last;/    watched<weir__waiter *> last;/
# ==> policy/bulkhead_word.h
s/WEIR__PERMIT_STRIPES = 8 /WEIR__PERMIT_STRIPES = 2 /
# ==> base/cancel.h
s/^    weir__cancel_link \*previous;/    watched<weir__cancel_link *> previous;/
s/^    weir__cancel_link \*next;/    watched<weir__cancel_link *> next;/
s/^    weir__waker \*waker;/    watched<weir__waker *> waker;/
# ==> base/cancel.c
s/^    weir__cancel_link \*first;/    watched<weir__cancel_link *> first;/
s/^    weir__cancel_link \*last;/    watched<weir__cancel_link *> last;/
# ==> base/park.h
s/^    int signaled; /    watched<int> signaled; /
# ==> policy/events.c
s/^    struct listener \*\*end;/    watched<struct listener **> end;/
s/^    uint64_t next; /    watched<uint64_t> next; /
s/^    int delivering;/    watched<int> delivering;/
# ==> engine/attempt.h
s/^    uint32_t said;/    watched<uint32_t> said;/
s/^    int32_t outcome;/    watched<int32_t> outcome;/
s/^    int32_t reason;/    watched<int32_t> reason;/
s/^    uint64_t hint_ns;/    watched<uint64_t> hint_ns;/
# ==> policy/bulkhead.h
s/^    weir__abandoned \*oldest;/    watched<weir__abandoned *> oldest;/
# ==> engine/node.h
s/^    uint8_t taken;/    watched<uint8_t> taken;/
s/^    uint8_t left; /    watched<uint8_t> left; /
# ==> policy/breaker_core.h
s/^    uint64_t open_ns;/    watched<uint64_t> open_ns;/
