/* A token bucket in one word: src/policy/budget_core.h.
 *
 * Callers reserve and deposit; time passes in between, and each acts by a time
 * that it has read before it loads the word.
 *
 * Stands for invariants 1 to 3 of budget_core.h:
 *   - never overspent: what was there, was deposited and came by itself covers
 *     what is there and was spent; so nothing is refilled twice
 *   - never above the capacity; the tick never goes back
 *   - it always refills: nobody is turned away who comes so long after the
 *     last token was taken that one must have come by itself (`taken_at`),
 *     however often others ask in between
 *   - no run is endless: a swap fails only because another one succeeded
 * Left out: the factors of the conversion (a tick brings RATE/PER units
 * here), times that overflow, compare and swap that fails without reason, weak
 * memory. */
#ifdef SMALL
#define ROUNDS 2
#else
#define ROUNDS 4
#endif
#define CALLERS 2
#define LATEST 5 /* time: 0 to LATEST */
#define CAPACITY 4
#define TOKEN 2
#define DEPOSIT 1
#define RATE 2
#define PER 3
#define TOKEN_TIME ((TOKEN * PER + RATE - 1) / RATE)

/* The word: tokens 8.., tick 0.. */
#define WORD(tokens, tick) ((tokens) << 8 | (tick))
#define TOKENS(w) ((w) >> 8)
#define TICK(w) ((w) & 255)

int word = WORD(CAPACITY, 0);
byte now_is;

/* What should be, kept beside the word. */
byte spent;
byte deposited;
byte latest; /* time that anybody has come with */
byte taken_at;
byte ended;

#define LATER(a, b) ((a) > (b) -> (a) : (b))

inline check(to) {
    assert(TOKENS(to) <= CAPACITY);
    assert(TICK(to) >= TICK(w) && TICK(to) <= latest);
    assert((TOKENS(to) + spent) * PER <=
           (CAPACITY + deposited) * PER + latest * RATE)
}

inline swap(to, took, put) {
#ifdef BUG_1 /* a load and a store instead of a compare and swap */
    swapped = (word == w);
    if
    :: swapped -> stored(to, took, put)
    :: else -> w = word
    fi
#else
    d_step {
        swapped = (word == w);
        if
        :: swapped -> stored(to, took, put)
        :: else -> w = word
        fi
    }
#endif
}

inline stored(to, took, put) {
    d_step {
        spent = spent + took;
        deposited = deposited + put;
        taken_at = (took > 0 -> LATER(taken_at, now) : taken_at);
        check(to);
        word = to
    }
}

inline load() {
    d_step { w = word; since = taken_at; latest = LATER(latest, now) }
}

#define GAIN ((now - TICK(w)) * RATE / PER)
#define USED ((GAIN * PER + RATE - 1) / RATE)

inline refilled() {
    if
#ifdef BUG_2 /* an older time puts the tick back */
    :: now < TICK(w) -> to = WORD(TOKENS(w), now)
    :: now == TICK(w) -> to = w
#else
    :: now <= TICK(w) -> to = w
#endif
    :: now > TICK(w) && GAIN == 0 -> to = w
    :: now > TICK(w) && GAIN > 0 && GAIN >= CAPACITY - TOKENS(w) ->
        to = WORD(CAPACITY, now)
    :: else -> to = WORD(TOKENS(w) + GAIN, TICK(w) + USED)
    fi
}

inline reserve() {
    load();
    do
    :: refilled();
        if
        :: TOKENS(to) < TOKEN ->
            assert(now < since + TOKEN_TIME);
#ifdef BUG_3 /* who is turned away loses the fraction of a unit */
            to = WORD(TOKENS(to), LATER(TICK(w), now));
            swap(to, 0, 0);
#endif
            break
        :: else -> swap(to - WORD(TOKEN, 0), TOKEN, 0)
        fi;
        if
        :: swapped -> break
        :: else -> since = taken_at
        fi
    od
}

#ifdef BUG_4 /* a deposit overflows the bucket */
#define PUT DEPOSIT
#else
#define PUT (DEPOSIT < CAPACITY - TOKENS(w) -> DEPOSIT : CAPACITY - TOKENS(w))
#endif

inline deposit() {
    load();
    do
    :: PUT == 0 -> break
    :: else ->
        swap(w + WORD(PUT, 0), 0, PUT);
        if
        :: swapped -> break
#ifdef BUG_5 /* endless: who lost a swap expects the same word again */
        :: else -> w = w + 1
#else
        :: else
#endif
        fi
    od
}

proctype caller() {
    int w, to;
    byte rounds = ROUNDS, now, since;
    bool swapped;
    do
    :: rounds > 0 ->
        atomic {
            rounds--;
            do /* time passes when somebody looks */
            :: now_is < LATEST -> now_is++
            :: break
            od;
            now = now_is
        };
        if
        :: reserve()
        :: deposit()
        fi;
        atomic { w = 0; to = 0; now = 0; since = 0; swapped = false }
    :: else -> break
    od;
    ended++
}

init {
    atomic {
        byte n;
        for (n : 1 .. CALLERS) {
            run caller()
        }
    }
    ended == CALLERS
}
