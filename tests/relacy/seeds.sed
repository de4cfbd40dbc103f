# Bugs seeded into a copy of the sources under test, each behind its number.

# ---- breaker_core.h ----

# 10: the limit of probes is forgotten
s/if (out < limits->probes \&\&/if ((SEEDED(10) || out < limits->probes) \&\&/
# 11: fresh probes without a fresh generation
/return weir__word(WEIR_HALF_OPEN, weir__word_generation(w) + 1,/s/+ 1,/+ !SEEDED(11),/
# 12: a probe that reports stays out
s/uint64_t cleared = w & ~bit;/uint64_t cleared = SEEDED(12) ? w : w \& ~bit;/
# 13: a probe may report twice
s/ bit = weir__ticket_bit(w, permit);/ bit = SEEDED(13) ? 1 : weir__ticket_bit(w, permit);/
# 20: a result of another generation counts
/weir__breaker_core_record(/,/^}/s/if (weir__word_generation(w) != weir__word_generation(permit) ||/if ((!SEEDED(20) \&\& weir__word_generation(w) != weir__word_generation(permit)) ||/
# 21: closing keeps the generation
/weir__word_closed(uint64_t w)/,/^}/s/ + 1, 0/ + !SEEDED(21), 0/
# 22: opening keeps the generation
/weir__word_open(weir__breaker_core/,/^}/s/ + 1, end/ + !SEEDED(22), end/
# 30: the lease is never raised for a probe; 31: only after the swap
/weir__breaker_core_acquire(/,/^}/s/weir__lease_raise(core, age_ns);/if (!SEEDED(30) \&\& !SEEDED(31)) &/
s/\*permit = weir__permit(to, /if (SEEDED(31)) weir__lease_raise(core, age_ns); &/
# 32: a report does not raise the lease
/weir__breaker_core_record(/,/^}/s/weir__lease_raise(core, age_ns);/if (!SEEDED(32)) &/
# 33: a lease counts only for the generation it was raised for
/weir__lease_raise(/,/^}/s/uint64_t age_ns)/uint64_t age_ns, uint64_t w = 0)/
s/uint64_t lease = weir__ticks_up(age_ns);/uint64_t lease = (SEEDED(33) ? weir__word_generation(w) << 43 : 0) | weir__ticks_up(age_ns);/
s/weir__lease_raise(core, age_ns);/weir__lease_raise(core, age_ns, to);/
/weir__lease_left(/,/^}/s/weir__load_acquire(&core->lease) +/lease_seeded(core) +/
/^static inline uint64_t weir__lease_left(/i\
static inline uint64_t lease_seeded(weir__breaker_core *core)\
{\
    uint64_t lease = weir__load_acquire(\&core->lease);\
    if (SEEDED(33) \&\& lease >> 43 != weir__word_generation(weir__load_acquire(\&core->word)))\
        return WEIR__PAYLOAD_MASK;\
    return lease & UINT64_C(0x7ffffffffff);\
}\

# ---- bulkhead_core.h ----

# 40: the waiter sees its grant before its waker is held
s/weir__waker_hold(waker);/if (!SEEDED(40)) &/
s/weir__store_release(&waiter->granted, 1u);/& if (SEEDED(40)) weir__waker_hold(waker);/
# 41: the releaser does not look at the word again under the lock
s/status = weir__bulkhead_core_put(core); /status = SEEDED(41) ? WEIR__QUEUED : weir__bulkhead_core_put(core); /
# 42: who quits stays in the list
/weir__bulkhead_core_quit(/,/^}/s/weir__queue_unlink(queue, waiter);/if (!SEEDED(42)) &/
# 43: joins the queue although a permit is free
s/int granted = weir__held(w) < limit \&\&/int granted = !SEEDED(43) \&\& weir__held(w) < limit \&\&/
# 50: who quits does not hear of a grant that came first
/weir__bulkhead_core_quit(/,/^}/s/return granted;/return SEEDED(50) ? 0 : granted;/
# 51: last come, first served
s/waiter = queue->first;/waiter = SEEDED(51) ? queue->last : queue->first;/
# 52: granted, but not woken
s/^    if (waker)$/    if (waker \&\& !SEEDED(52))/
# 53: handed over and given back as well
/weir__bulkhead_core_pass(/,/^}/s/, WEIR__ONE_WAITING);/, WEIR__ONE_WAITING + SEEDED(53));/

# ---- stepped.c ----

# 60: no second look; 61: the second look is before the mark
s/if (!has_news(s, \*wake_ns))/if (SEEDED(60) || !(SEEDED(61) ? news : has_news(s, *wake_ns)))/
s/weir__exchange_acq_rel(&s->waiting, 1u);/int news = SEEDED(61) \&\& has_news(s, *wake_ns); &/
# 62: the waker reads and clears the mark in two operations
/weir__stepped_wake(/,/^}/s/weir__exchange_acq_rel(&s->waiting, 0u)/(SEEDED(62) ? read_then_clear(s) : &)/

# ---- count_window.h ----

# 70: the last outcome is not written before the next swap
s/^            weir__cw_settle(window, x);/            if (!SEEDED(70)) weir__cw_settle(window, x);/
# 71: nothing falls out of the window
s/uint64_t oldest = x & WEIR__CW_FULL/uint64_t oldest = !SEEDED(71) \&\& (x \& WEIR__CW_FULL)/
# 72: the same word comes again a lap later
s/uint64_t lap = (x + WEIR__CW_ONE_LAP)/uint64_t lap = (x + (SEEDED(72) ? 0 : WEIR__CW_ONE_LAP))/
# 73: a late writer does not notice that the word has moved on
s/weir__load_acquire(&window->word) == x)/(SEEDED(73) || weir__load_acquire(\&window->word) == x))/
# 74: an older generation replaces a younger one
s/^                return WEIR__OUTDATED;/                if (!SEEDED(74)) &/
# 75: records go on after the trip
s/} else if (x & WEIR__CW_TRIPPED) {/} else if (!SEEDED(75) \&\& (x \& WEIR__CW_TRIPPED)) {/

# ---- time_window.h ----

# 80: successes are never asked to judge
s/^           weir__load_seq_cst(&window->watch) != 0;/           (!SEEDED(80) \&\& weir__load_seq_cst(\&window->watch) != 0);/
# 81: after it has asked, a failure does not look again
/weir__tw_watch(/,/^}/s/return 1;/return !SEEDED(81);/
# 82: failures do not judge
s/return outcome != 0 ||/return (outcome != 0 \&\& !SEEDED(82)) ||/

# ---- budget_core.h ----

# 90: what came with time comes again
s/tick += (gain/tick += SEEDED(90) ? 0 : (gain/
# 91: more is taken than there is
s/if (weir__budget_tokens(to) < WEIR__TOKEN)/if (!SEEDED(91) \&\& weir__budget_tokens(to) < WEIR__TOKEN)/
# 92: a deposit that lost a race is given up
s/if (gain == 0 ||/if (gain == 0 || SEEDED(92) ||/
