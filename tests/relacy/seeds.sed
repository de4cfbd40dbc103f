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
/weir__lease_left(/,/^}/s/weir__load_acquire(&core->lease) +/lease_seeded(core, weir__load_acquire(\&core->lease)) +/
/^static inline uint64_t weir__lease_left(/i\
static inline uint64_t lease_seeded(weir__breaker_core *core, uint64_t lease)\
{\
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
s/int granted = weir__has_free(core, w);/int granted = !SEEDED(43) \&\& weir__has_free(core, w);/
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
s/weir__waiting_begin(&s->own.word);/int news = SEEDED(61) \&\& has_news(s, *wake_ns); &/

# ---- count_window.h ----

# 69: nor before the swap to another generation
s/^            weir__cw_settle(window, x); .*/            if (!SEEDED(69)) weir__cw_settle(window, x);/
# 70: the last outcome is not written before the next swap
s/^            weir__cw_settle(window, x);$/            if (!SEEDED(70)) weir__cw_settle(window, x);/
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
# 76: a success takes the place of a failure as if it were one
s/(weir__cw_cell(window, index) |/((SEEDED(76) ? 0 : weir__cw_cell(window, index)) |/
# 77: or moves on from a failure that is not written yet
s/return (x & (WEIR__CW_FULL | WEIR__CW_LAST)) == WEIR__CW_FULL/return (x \& (SEEDED(77) ? WEIR__CW_FULL : WEIR__CW_FULL | WEIR__CW_LAST)) == WEIR__CW_FULL/
# 78: or from itself, while its cell holds the failure before it
s/weir__cw_cell(window, index - 1))/(SEEDED(78) ? 0 : weir__cw_cell(window, index - 1)))/

# 79: a block that comes back to the same outcomes is the same
s/uint64_t version = ((block >> 32) + 1) << 32;/uint64_t version = ((block >> 32) + !SEEDED(79)) << 32;/

# ---- time_window.h ----

# 80: successes are never asked to judge
s/^           weir__load_seq_cst(&window->watch) != 0;/           (!SEEDED(80) \&\& weir__load_seq_cst(\&window->watch) != 0);/
# 81: after it has asked, a failure does not look again
/weir__tw_watch(/,/^}/s/return 1;/return !SEEDED(81);/
# 82: failures do not judge
s/return outcome != 0 ||/return (outcome != 0 \&\& !SEEDED(82)) ||/
# 83: nobody looks whether his generation is over
/weir__tw_watch(/,/^}/s/if (weir__word_generation(/if (SEEDED(83) || weir__word_generation(/
# 84: each who finds a bucket full halves it
/weir__tw_halve(/,/^}/s/^    if (!weir__cas_acq_rel(/    if (!SEEDED(84) \&\& !weir__cas_acq_rel(/
# 85: the calls are halved first
/weir__tw_halve(/,/^}/s/^    weir__tw_halve_one(&bucket->failed, tag);/    if (SEEDED(85)) weir__tw_halve_one(\&bucket->calls, tag);\
&/
/weir__tw_halve(/,/^}/s/^    weir__tw_halve_one(&bucket->calls, tag);/    if (!SEEDED(85)) &/

# ---- budget_core.h ----

# 90: what came with time comes again
s/tick += (gain/tick += SEEDED(90) ? 0 : (gain/
# 91: more is taken than there is
s/if (weir__budget_tokens(to) < WEIR__TOKEN)/if (!SEEDED(91) \&\& weir__budget_tokens(to) < WEIR__TOKEN)/
# 92: a deposit that lost a race is given up
s/if (gain == 0 ||/if (gain == 0 || SEEDED(92) ||/

# ---- bulkhead, again ----

# 54: a higher limit serves nobody
s/while ((waker = weir__bulkhead_core_serve(/while (!SEEDED(54) \&\& (waker = weir__bulkhead_core_serve(/
# 55: a permit is handed on although the limit was lowered
/weir__bulkhead_core_pass(/,/^}/s/if (weir__held(w) >/if (!SEEDED(55) \&\& weir__held(w) >/
# 56: abandoned work gives back what was taken back
/^void weir__bulkhead_release_abandoned(/,/^}/s/^    if (listed)$/    if (listed || SEEDED(56))/

# ---- cancel.c ----

# 100: the waker is held after the lock
/^void weir_cancel_fire(/,/^}/s/weir__waker_hold(waker);/if (!SEEDED(100)) &/
/^void weir_cancel_fire(/,/^}/s/weir__waker_fire(waker);/if (SEEDED(100)) weir__waker_hold(waker); &/
# 101: who comes late is not told
/^int weir__cancel_add(/,/^}/s/int fired = /int fired = !SEEDED(101) \&\& /
# 102: who goes stays in the list
/^void weir__cancel_remove(/,/^}/s/if (link->linked)/if (link->linked \&\& !SEEDED(102))/

# ---- park.c ----

# 110: a signal that comes before the wait is lost
s/parker->signaled = 1;/if (!SEEDED(110)) &/
# 111: a parker ends although somebody will still fire it
s/while (weir__load_acquire(&parker->held) != 0)/while (!SEEDED(111) \&\& weir__load_acquire(\&parker->held) != 0)/
# 112: who waits for that is not woken
/^static void fire(/,/^}/s/pthread_cond_broadcast(&parker->cond);/if (!SEEDED(112)) &/
# 113: nobody holds it
s/weir__add_relaxed(&parker->held, 1u);/if (!SEEDED(113)) &/

# ---- events.c ----

# 120: two deliver at the same time
s/if (!events->delivering) {/if (SEEDED(120) || !events->delivering) {/
# 121: the start is read before the list shows itself
s/made->next = (uint64_t)current(handle) + 1;/if (!SEEDED(121)) &/
s/^        weir__mutex_lock(&made->lock);/        if (!SEEDED(122)) & if (SEEDED(121)) made->next = (uint64_t)current(handle) + 1;/
# 122: a new list shows itself unlocked
s/^            return made;/            if (SEEDED(122)) weir__mutex_lock(\&made->lock); &/
# 123: listeners run under the lock
/^static void deliver(/,/^}/s/weir__mutex_\(un\)*lock(&events->lock);/if (!SEEDED(123)) &/
# 124: an event is delivered before the one it comes after
s/while (events->present\[events->next % RING\]) {/if (SEEDED(124)) while (!events->present[events->next % RING]) events->next++; &/

# ---- blocking.c ----

# 103: a store in place of the swap, also where a token may be fired
s/if (b->call.token_count == 0)/if (SEEDED(103) || b->call.token_count == 0)/

# ---- attempt.c, node.c ----

# 130: the path is held after the attempt was given up
/^int weir__attempt_give_up(/,/^}/s/weir__nodes_hold(attempt->node);/if (!SEEDED(130)) &/
/^int weir__attempt_give_up(/,/^}/s/return 1;/{ if (SEEDED(130)) weir__nodes_hold(attempt->node); & }/
/^int weir__attempt_give_up(/,/^}/s/^    weir__nodes_drop(/    if (!SEEDED(130)) weir__nodes_drop(/
# 131: the end of work that was given up gives nothing back
/^static int finish_the_rest(/,/^}/s/weir__nodes_drop(/if (!SEEDED(131)) &/
# 132: who listens late is not told
/^int weir_attempt_on_cancel(/,/^}/s/if (!weir__cas_acq_rel(/if (!SEEDED(132) \&\& !weir__cas_acq_rel(/
# 133: what the engine lets go is not freed
/^void weir__stepped_let_go(/,/^}/s/^        \(free_memory\|weir__stepped_free_attempt\)(/        if (!SEEDED(133)) &/
# 140: a node is left without a look at who holds it
/^void weir__node_drop(/,/^}/s/weir__load_acquire(&node->refs) != 1u/!SEEDED(140) \&\& &/

# ---- breaker.c and what belongs to it ----

# 150: a reset undoes a mode
/weir__breaker_core_reset(/,/^}/s/while (weir__word_mode(w) == WEIR_AUTOMATIC)/while (SEEDED(150) || weir__word_mode(w) == WEIR_AUTOMATIC)/
# 151: a mode is set in the same generation
/weir__breaker_core_set_mode(/,/^}/s/ + 1, 0)/ + !SEEDED(151), 0)/
# 152: new options ask no success to judge
/^int weir_breaker_set_options(/,/^}/s/weir__breaker_window_watch(/if (!SEEDED(152)) &/
# 153: who takes watch back does not look for other options
/^static int record_in_window(/,/^}/s/^             !observes)/             !observes \&\& !SEEDED(153))/

# ---- ref.h ----

# 160: the last but one frees
s/weir__sub_acq_rel(&ref->count, 1u) == 1u/weir__sub_acq_rel(\&ref->count, 1u) <= 1u + SEEDED(160)/

# ---- bulkhead_stripes.h ----

# 170: a stripe that was gathered is used once more
/^static inline int weir__stripes_put(/,/^}/s/weir__same_era(s, w))/(!SEEDED(170) \&\& weir__same_era(s, w)))/
# 171: a stripe of a later era is closed by whoever is late
/^static inline int weir__stripe_close(/,/^}/s/if (!weir__is_striped(now) ||/if (SEEDED(171)) ; else &/
# 172: an era begins while somebody waits
/^static inline void weir__stripes_begin(/,/^}/s/weir__is_plain(w) &&/(SEEDED(172) || weir__is_plain(w)) \&\&/
# 173: a change of the limit leaves the era alone
s/^    weir__stripes_renew(core);/    if (!SEEDED(173)) &/
# 176: the queue is joined during an era
/^static inline int weir__bulkhead_core_reserve(/,/^}/s/= weir__bulkhead_core_tell(core);/= SEEDED(176) ? weir__load_acquire(\&core->word) : weir__bulkhead_core_tell(core);/
