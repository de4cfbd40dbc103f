/* A breaker's word and its lease: src/policy/breaker_core.h, breaker_word.h.
 *
 * Callers acquire, record, record twice, record late, or never record; an
 * operator forces the breaker open and resets it; time passes in between, and
 * every caller acts by a time that it has read before it loads the word.
 *
 * Stands for invariants 1 to 4 and the lease of breaker_core.h:
 *   - a permit moves no other generation than its own (`era`)
 *   - state, generation and payload change together: who ends the open state
 *     is not before the deadline that its transition has set (`deadline`)
 *   - a ticket is issued once a generation and cleared once (`given`, `out`)
 *   - at most `probes` tickets are out in a generation
 *   - probes are not replaced before all was quiet for the lease (`quiet`)
 *   - half-open cannot wedge: the last caller, after the lease, is let through
 *   - the generation never goes back; a reset never undoes a mode
 *   - no run is endless: a swap fails only because another one succeeded
 * Left out: windows, disabled and metrics-only, the streak of openings, the
 * rounding of times to ticks, generations and tickets that come round, weak
 * memory.  The loop that raises the lease is one step: it is a maximum. */
#ifdef SMALL
#define ROUNDS 3
#else
#define ROUNDS 4
#endif
#define LATEST 4 /* time: 0 to LATEST */
#define OPEN_TICKS 1
#define LEASE 2
#define SUCCESSES 2
#define TICKET_MAX 3
#define WINDOW_TOP 2 /* two tickets wide */

/* The word: state 12.., generation 8.., payload 0.. */
#define CLOSED 0
#define OPEN 1
#define HALF_OPEN 2
#define FORCED_OPEN 3
#define WORD(s, g, p) ((s) << 12 | (g) << 8 | (p))
#define STATE(w) ((w) >> 12)
#define GENERATION(w) (((w) >> 8) & 15)
#define PAYLOAD(w) ((w) & 255)
#define NEXT_GENERATION(w) (GENERATION(w) + 1)

/* The payload of half-open: successes 4.., next 2.., window 0..; a permit has
 * the number of its ticket there. */
#define TICKETS(s, n, o) ((s) << 4 | (n) << 2 | (o))
#define SUCCEEDED(w) (((w) >> 4) & 3)
#define NEXT(w) (((w) >> 2) & 3)
#define WINDOW(w) ((w) & 3)
#define PERMIT(w, ticket) WORD(STATE(w), GENERATION(w), ticket)
#define AGE(w, p) (NEXT(w) - 1 - PAYLOAD(p))
#define BIT(w, p) (AGE(w, p) > 1 -> 0 : (WINDOW(w) & (1 << AGE(w, p))))
#define COUNT(m) (((m) & 1) + ((m) >> 1 & 1) + ((m) >> 2 & 1))

#define PROBING(w, s) WORD(HALF_OPEN, NEXT_GENERATION(w), TICKETS(s, 1, 1))
#define OPENED(w) WORD(OPEN, NEXT_GENERATION(w), now + OPEN_TICKS)

#define HEALTHY 0
#define FAILED 1
#define IGNORED 2

#ifdef BUG_1 /* a result of another generation counts */
#define FRESH(w, p) (STATE(w) == STATE(p))
#else
#define FRESH(w, p) \
    (STATE(w) == STATE(p) && GENERATION(w) == GENERATION(p))
#endif
#ifdef BUG_2 /* closing keeps the generation */
#define RESET(w) WORD(CLOSED, GENERATION(w), 0)
#else
#define RESET(w) WORD(CLOSED, NEXT_GENERATION(w), 0)
#endif
#ifdef BUG_3 /* the limit of probes is forgotten */
#define ROOM(w) (NEXT(w) < TICKET_MAX && !(WINDOW(w) & WINDOW_TOP))
#else
#ifdef BUG_4 /* a ticket falls out of the window */
#define ROOM(w) (COUNT(WINDOW(w)) < probes && NEXT(w) < TICKET_MAX)
#else
#define ROOM(w) (COUNT(WINDOW(w)) < probes && NEXT(w) < TICKET_MAX && \
                 !(WINDOW(w) & WINDOW_TOP))
#endif
#endif
#ifdef BUG_5 /* a probe that reports stays out */
#define CLEARED(w, bit) (w)
#else
#define CLEARED(w, bit) ((w) & ~(bit))
#endif
#ifdef BUG_6 /* the deadline is a word of its own */
byte end;
#define ENDS(w) end
#else
#define ENDS(w) PAYLOAD(w)
#endif

byte probes = 1;
int word = WORD(CLOSED, 1, 0);
byte lease;
byte now_is;

/* What should be, kept beside the word. */
byte era;      /* counts transitions and replacements of probes */
byte given;    /* tickets of this era, as bits */
byte out;      /* those of them that are out */
byte quiet;    /* the latest time of a ticket issued or cleared in this era */
byte deadline; /* of the latest opening */
byte ended;

#define IS_OUT(p) (out & 1 << PAYLOAD(p))
#define LATER(a, b) ((a) > (b) -> (a) : (b))

inline load() {
    d_step { w = word; w_era = era }
}

inline raise_lease() {
#ifdef BUG_8 /* a lease counts for the generation it was raised for */
    d_step { lease = LATER(lease, now); lease_of = GENERATION(to) }
#else
    d_step { lease = LATER(lease, now) }
#endif
}

inline begin_era() {
    assert(STATE(w) != FORCED_OPEN || may_end_mode);
    era++;
    assert(GENERATION(to) >= GENERATION(w));
    if
    :: STATE(to) == OPEN -> deadline = now + OPEN_TICKS
    :: else
    fi;
    given = 0;
    out = 0;
    quiet = 0
}

/* ---- acquire ---- */

#ifdef BUG_8
byte lease_of;
#define LEASE_OVER(w) (lease + LEASE <= now && lease_of == GENERATION(w))
#else
#ifdef BUG_9 /* probes that never report are waited for */
#define LEASE_OVER(w) false
#else
#define LEASE_OVER(w) (lease + LEASE <= now)
#endif
#endif

/* The word after one more probe, or w. */
inline next_probe() {
    if
    :: ROOM(w) ->
        to = WORD(HALF_OPEN, GENERATION(w),
                  TICKETS(SUCCEEDED(w), NEXT(w) + 1, (WINDOW(w) << 1 | 1) & 3))
    :: !ROOM(w) && COUNT(WINDOW(w)) == 0 -> to = PROBING(w, SUCCEEDED(w))
    :: else ->
        if
        :: LEASE_OVER(w) -> to = PROBING(w, SUCCEEDED(w))
        :: else -> to = w
        fi
    fi
}

inline issued() {
    if
    :: GENERATION(to) != GENERATION(w) ->
        assert(STATE(w) != OPEN || now >= deadline);
        assert(STATE(w) != HALF_OPEN || out == 0 || now >= quiet + LEASE);
        begin_era()
    :: else
    fi;
    assert(!(given & 1 << (NEXT(to) - 1)));
    given = given | 1 << (NEXT(to) - 1);
    out = out | 1 << (NEXT(to) - 1);
    assert(COUNT(out) <= probes);
    quiet = LATER(quiet, now)
}

inline acquire() {
    load();
    admitted = false;
    do
    :: STATE(w) == CLOSED ->
        d_step { permit = PERMIT(w, 0); my_era = w_era; admitted = true };
        break
    :: STATE(w) == FORCED_OPEN -> break
    :: else ->
        if
        :: STATE(w) == HALF_OPEN -> next_probe()
        :: STATE(w) == OPEN && now >= ENDS(w) -> to = PROBING(w, 0)
        :: else -> to = w
        fi;
        if
        :: to == w -> break
        :: else
        fi;
#ifndef BUG_7 /* the lease is raised after the swap */
        raise_lease();
#endif
        d_step {
            if
            :: word == w ->
                issued();
                word = to;
                permit = PERMIT(to, NEXT(to) - 1);
                my_era = era;
                admitted = true
            :: else -> w = word; w_era = era
            fi
        };
        if
        :: admitted -> break
        :: else
        fi
    od;
#ifdef BUG_7
    raise_lease()
#endif
}

/* ---- record ---- */

inline after_probe() {
    if
    :: outcome == FAILED -> to = OPENED(w)
    :: outcome == IGNORED -> to = CLEARED(w, BIT(w, permit))
    :: outcome == HEALTHY && SUCCEEDED(w) + 1 < SUCCESSES ->
        to = CLEARED(w, BIT(w, permit)) + TICKETS(1, 0, 0)
    :: else -> to = RESET(w)
    fi
}

inline after_closed() {
    if
    :: outcome == FAILED -> to = OPENED(w)
    :: else -> to = w
    fi
}

inline recorded() {
    assert(my_era == era);
    assert(STATE(w) != HALF_OPEN || IS_OUT(permit));
    if
    :: STATE(to) != STATE(w) -> begin_era()
    :: else ->
        out = out & ~(1 << PAYLOAD(permit));
        quiet = LATER(quiet, now)
    fi
}

inline record() {
    load();
    do
    :: !FRESH(w, permit) -> break
    :: FRESH(w, permit) && STATE(w) == HALF_OPEN && BIT(w, permit) == 0 ->
        assert(my_era != era || !IS_OUT(permit));
        break
    :: else ->
        if
        :: STATE(w) == HALF_OPEN -> after_probe()
        :: else -> after_closed()
        fi;
        if
        :: to == w -> break
        :: to != w && STATE(to) == HALF_OPEN -> raise_lease()
        :: else
        fi;
#ifdef BUG_6
        if
        :: STATE(to) == OPEN -> end = PAYLOAD(to)
        :: else
        fi;
#endif
        d_step {
            swapped = (word == w);
            if
            :: swapped -> recorded(); word = to
#ifdef BUG_11 /* endless: who lost a swap does not look again */
            :: else
#else
            :: else -> w = word; w_era = era
#endif
            fi
        };
        if
        :: swapped -> break
        :: else
        fi
    od
}

/* ---- who does all that ---- */

proctype caller(byte rounds; bool last) {
    int w, to, permit;
    byte w_era, my_era, now, outcome;
    bool admitted, swapped, may_end_mode;
    do
    :: rounds > 0 ->
        atomic {
            rounds--;
            do /* time passes when somebody looks */
            :: now_is < LATEST -> now_is++
            :: break
            od;
            now = (last -> now_is + LEASE : now_is)
        };
        if
        :: acquire(); assert(admitted || !last)
        :: permit != 0 ->
            if
            :: outcome = HEALTHY
            :: outcome = FAILED
            :: outcome = IGNORED
            fi;
            record()
        fi;
        atomic { /* fewer states */
            w = 0; to = 0; w_era = 0; now = 0; outcome = 0;
            admitted = false; swapped = false
        }
    :: else -> break
    od;
    ended++
}

/* Swaps until it is done, or until there is nothing to do. */
inline control(nothing_to_do, next) {
    load();
    do
    :: nothing_to_do -> break
    :: else ->
        to = next;
        d_step {
            swapped = (word == w);
            if
            :: swapped -> begin_era(); word = to
            :: else -> w = word; w_era = era
            fi
        };
        if
        :: swapped -> break
        :: else
        fi
    od
}

proctype operator() {
    int w, to;
    byte w_era, now;
    bool swapped, may_end_mode = true;
    control(STATE(w) == FORCED_OPEN, WORD(FORCED_OPEN, NEXT_GENERATION(w), 0));
    control(STATE(w) != FORCED_OPEN, RESET(w));
    ended++
}

proctype resetter() {
    int w, to;
    byte w_era, now;
    bool swapped, may_end_mode;
#ifdef BUG_10 /* the mode that a reset has looked at is not the one it swaps */
    load();
    if
    :: STATE(w) != FORCED_OPEN -> control(false, RESET(w))
    :: else
    fi;
#else
    control(STATE(w) == FORCED_OPEN, RESET(w));
#endif
    ended++
}

/* Two callers and an operator; two or three that meet an open breaker; or two
 * that do more. */
init {
    atomic {
        if
        :: run caller(2, false); run operator(); run resetter()
        :: word = WORD(OPEN, 1, OPEN_TICKS);
            deadline = OPEN_TICKS;
#ifdef BUG_6
            end = deadline;
#endif
            run caller(ROUNDS - 2, false);
            if
            :: run caller(1, false); run caller(1, false)
            :: probes = 2; run caller(ROUNDS - 1, false); ended = 1
            fi
        :: run caller(ROUNDS, false); run caller(ROUNDS, false); ended = 1
        fi
    }
    ended == 3;
    run caller(1, true);
    ended == 4
}
