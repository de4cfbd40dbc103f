#include "base/callback.h"

#include <pthread.h>

void weir__call_back_now(void (*fn)(void *arg), void *arg)
{
    int cancelable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    fn(arg);
    pthread_setcancelstate(cancelable, NULL);
}
