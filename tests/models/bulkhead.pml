/* A bulkhead's permits and the queue for them: src/policy/bulkhead_core.h,
 * and how a waiter is woken: src/base/waker.h, src/base/park.c.
 *
 * Callers enter, wait, run out of patience (a time, a cancellation: at any
 * moment), work, release; one of them is patient.  An operator changes the
 * limit.
 *
 * Stands for invariants 1 to 4 of bulkhead_core.h and the contract of
 * waker.h:
 *   - held never grows beyond the limit; who works is accounted for
 *   - no permit for somebody who has left, none lost: in the end held is 0
 *   - first come, first served (`order`), and nobody overtakes the queue
 *   - `waiting` is the length of the list whenever the lock is free
 *   - whoever waits while the lock is free waits for a permit that is out, or
 *     for somebody who serves the queue
 *   - no wake-up is lost: the patient caller would wait for ever, which Spin
 *     reports as an invalid end state
 *   - a granter leaves a waiter's frame alone once that one may be gone
 *   - no run is endless: a swap fails only because another one succeeded
 * Left out: permits in stripes, permits of abandoned work, compare and swap
 * that fails without reason, release of a permit that is not out, weak
 * memory.  The list is an array. */
#ifdef SMALL
#define CALLERS 2
#else
#define CALLERS 3
#endif

/* The word: waiting 4.., held 0.. */
#define HELD(w) ((w) & 15)
#define WAITING(w) ((w) >> 4)
#define ONE_WAITING 16

byte word;
byte limit = 1;
byte max_queue = 2;
bool locked;

byte list[CALLERS];
byte length;

/* A waiter's frame, which it leaves before it works. */
bool granted[CALLERS];
bool signaled[CALLERS];
byte wakers[CALLERS]; /* holds on its waker */

/* What should be, kept beside. */
bool alive[CALLERS];
chan order = [CALLERS] of { byte };
byte working;
bool serving;
byte ended;

inline lock() {
    atomic { !locked -> locked = true }
}

inline unlock() {
    d_step {
        assert(WAITING(word) == length && len(order) == length);
        assert(length == 0 || HELD(word) >= limit || serving);
        locked = false
    }
}

/* On failure w is what was found. */
inline swap(to) {
    d_step {
        swapped = (word == w);
        if
        :: swapped -> word = to
        :: else -> w = word
        fi
    }
}

/* ---- the list, under the lock ---- */

inline append() {
    d_step {
        list[length] = me;
        length++;
        order!me
    }
}

inline unlink(who) {
    d_step {
        i = 0;
        do
        :: i < length && list[i] != who -> i++
        :: else -> break
        od;
        assert(i < length);
        do
        :: i + 1 < length -> list[i] = list[i + 1]; i++
        :: else -> list[i] = 0; break
        od;
        length--;
        i = 0
    }
}

inline grant() {
#ifdef BUG_1 /* last come, first served */
    first = list[length - 1];
#else
    first = list[0];
#endif
    d_step {
        assert(order?[eval(first)]);
        order??eval(first)
    };
    unlink(first);
#ifdef BUG_2 /* the waiter sees its grant before its waker is held */
    mark();
    hold()
#else
    hold();
    mark()
#endif
}

inline hold() {
    d_step { assert(alive[first]); wakers[first]++ }
}

inline mark() {
    d_step { assert(alive[first]); granted[first] = true }
}

inline fire() {
    d_step {
        assert(alive[first]);
#ifndef BUG_3 /* granted, but not woken */
        signaled[first] = true;
#endif
        wakers[first]--
    }
}

/* ---- entering ---- */

inline try() {
    l = limit;
    w = word;
    do
    :: HELD(w) < l && WAITING(w) == 0 ->
        swap(w + 1);
        if
        :: swapped -> got = true; break
        :: else
        fi
#ifdef BUG_9 /* endless: who finds no permit looks for ever */
    :: else -> w = word
#else
    :: else -> break
#endif
    od
}

/* Under the lock. */
inline reserve() {
#ifdef BUG_4 /* the look at the word and the place in the queue are two steps */
    w = word;
    queued = !(HELD(w) < limit && WAITING(w) == 0);
    got = !queued;
    word = word + (got -> 1 : ONE_WAITING)
#else
    w = word;
    do
    :: HELD(w) < limit && WAITING(w) == 0 ->
        swap(w + 1);
        if
        :: swapped -> got = true; assert(HELD(w) < limit); break
        :: else
        fi
    :: !(HELD(w) < limit && WAITING(w) == 0) && WAITING(w) < max_queue ->
        swap(w + ONE_WAITING);
        if
        :: swapped -> queued = true; break
        :: else
        fi
    :: else -> break
    od
#endif
}

inline enter() {
    try();
    if
    :: !got && WAITING(word) < max_queue ->
        lock();
        reserve();
        if
        :: queued -> append()
        :: else
        fi;
        unlock()
    :: else
    fi
}

inline quit() {
    lock();
    got = granted[me];
    if
    :: !got ->
#ifndef BUG_5 /* who quits stays in the list */
        unlink(me);
#endif
        word = word - ONE_WAITING;
        order??eval(me)
    :: else
    fi;
    unlock();
#ifdef BUG_6 /* who quits does not hear of a grant that came first */
    got = false
#endif
}

inline wait() {
    do
    :: granted[me] -> got = true; break
    :: !granted[me] -> signaled[me]; signaled[me] = false
    :: !granted[me] && me != 0 -> quit(); break
    od
}

/* ---- giving back ---- */

inline put() {
    w = word;
    passes = false;
    do
    :: WAITING(w) == 0 ->
        assert(HELD(w) > 0);
        swap(w - 1);
        if
        :: swapped -> break
        :: else
        fi
    :: else -> passes = true; break
    od
}

inline pass() {
    w = word;
    do
    :: HELD(w) > limit ->
        swap(w - 1);
        if
        :: swapped -> passes = false; break
        :: else
        fi
    :: else ->
        word = word - ONE_WAITING;
        grant();
        break
    od
}

inline release() {
    put();
    if
    :: passes ->
        lock();
#ifndef BUG_7 /* the releaser does not look again under the lock */
        put();
#endif
        if
        :: passes -> pass()
        :: else
        fi;
        unlock();
        if
        :: passes -> fire()
        :: else
        fi
    :: else
    fi
}

/* ---- who does all that ---- */

proctype caller(byte me) {
    byte w, l, i, first;
    bool swapped, got, queued, passes;
    alive[me] = true;
    enter();
    if
    :: queued -> wait()
    :: else
    fi;
    wakers[me] == 0; /* a parker is destroyed after its last fire */
    d_step { alive[me] = false; granted[me] = false; signaled[me] = false };
    if
    :: got ->
        d_step { working++; assert(working <= HELD(word)) };
        working--;
        release()
    :: else
    fi;
    ended++
}

/* Takes a permit for the first waiter if there are both, one at a time. */
inline serve() {
    do
    :: w = word;
        passes = false;
        do
        :: WAITING(w) > 0 && HELD(w) < limit ->
            swap(w + 1 - ONE_WAITING);
            if
            :: swapped -> assert(HELD(w) < limit); passes = true; break
            :: else
            fi
        :: else -> break
        od;
        if
        :: passes -> grant(); unlock(); fire(); lock()
        :: else -> break
        fi
    od
}

inline resize(to) {
    lock();
    serving = true;
    limit = to;
#ifndef BUG_8 /* the queue is not served */
    serve();
#endif
    serving = false;
    unlock()
}

proctype operator() {
    byte w, i, first, to = 2;
    bool swapped, passes;
    do
    :: to > 0 -> resize(to); to--
    :: else -> break
    od;
    ended++
}

init {
    atomic {
        byte n;
        for (n : 0 .. CALLERS - 1) {
            run caller(n)
        }
        if
        :: max_queue = 1; ended = 1
        :: run operator()
        fi
    }
    ended == CALLERS + 1;
    assert(word == 0 && length == 0 && len(order) == 0)
}
