/* What is counted: in pieces, so that no thread waits for another's. */
#include "stress.h"

void count(house *h, counter which, long long more)
{
    static atomic_int threads;
    static _Thread_local int me;
    if (me == 0)
        me = 1 + add(&threads, 1);
    atomic_fetch_add_explicit(&h->counts[(unsigned)me % PIECES].of[which],
                              more, memory_order_relaxed);
}

long long counted(house *h, counter which)
{
    long long sum = 0;
    for (int i = 0; i < PIECES; i++)
        sum += atomic_load_explicit(&h->counts[i].of[which],
                                    memory_order_relaxed);
    return sum;
}
