/* usage: unload <path of libweir.so> <rounds>
 *
 * Loads the library, uses it, threads included, and unloads it, again and
 * again: nothing of it is left behind, and no thread is still inside. */
#include <dlfcn.h>
#ifdef __linux__
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "weir.h"

#define CHECK(x)                                                              \
    ((x) ? (void)0                                                            \
         : (printf("%s:%d: %s\n", __FILE__, __LINE__, #x), exit(1)))

/* ISO C has no conversion from what dlsym gives to a function. */
#define GET(library, name)                                                    \
    (__extension__(__typeof__(&name))(uintptr_t)dlsym(library, #name))

static int work(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ++*(int *)arg;
    return 0;
}

static void use(void *library)
{
    int runs = 0, runs_on_pool = 0;
    weir_pipeline *pipeline;
    weir_pool *pool;
    CHECK(GET(library, weir_pipeline_new_recommended)(
              &pipeline, 1000000000, 1000000000) == WEIR_OK);
    CHECK(GET(library, weir_pool_new)(&pool, NULL) == WEIR_OK);
    CHECK(GET(library, weir_pool_run)(pool, pipeline, NULL, work,
                                      &runs_on_pool, NULL, NULL) == WEIR_OK);
    CHECK(GET(library, weir_run)(pipeline, work, &runs) == WEIR_OK);
    CHECK(GET(library, weir_pool_close)(pool, 1) == WEIR_OK);
    GET(library, weir_pool_unref)(pool);
    GET(library, weir_pipeline_unref)(pipeline);
}

/* A thread that has used the library ends after it was unloaded. */
static pthread_barrier_t used, unloaded;

static void *use_and_outlive(void *library)
{
    use(library);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&unloaded);
    return NULL;
}

static void load_use_unload(const char *path)
{
    pthread_t thread;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    CHECK(pthread_create(&thread, NULL, use_and_outlive, library) == 0);
    pthread_barrier_wait(&used);
    CHECK(dlclose(library) == 0);
#ifdef __GLIBC__ /* elsewhere dlclose may do nothing */
    CHECK(dlopen(path, RTLD_NOW | RTLD_NOLOAD) == NULL);
#endif
    pthread_barrier_wait(&unloaded);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* Lines of /proc/self/maps, and resident pages; 0 where there is no /proc. */
static void measure(long *maps, long *pages)
{
    int c;
    FILE *file = fopen("/proc/self/maps", "r");
    *maps = *pages = 0;
    while (file && (c = getc(file)) != EOF)
        *maps += c == '\n';
    if (file)
        fclose(file);
    file = fopen("/proc/self/statm", "r");
    if (file) {
        CHECK(fscanf(file, "%*s %ld", pages) == 1);
        fclose(file);
    }
}

int main(int argc, char **argv)
{
    enum { WARM_UP = 50, FEW_MAPS = 8, FEW_PAGES = 64 }; /* stacks vary */
    int rounds = argc > 2 ? atoi(argv[2]) : 500;
    long maps, pages, maps_then, pages_then;
    CHECK(argc > 1);
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 1); /* one arena, whatever the threads do */
#endif
    alarm(300);
    pthread_barrier_init(&used, NULL, 2);
    pthread_barrier_init(&unloaded, NULL, 2);
    for (int i = 0; i < WARM_UP; i++)
        load_use_unload(argv[1]);
    measure(&maps, &pages);
    for (int i = 0; i < rounds; i++)
        load_use_unload(argv[1]);
    measure(&maps_then, &pages_then);
    printf("unload: %d rounds, %ld more mappings, %ld more pages\n", rounds,
           maps_then - maps, pages_then - pages);
    CHECK(maps_then <= maps + FEW_MAPS && pages_then <= pages + FEW_PAGES);
    return 0;
}
