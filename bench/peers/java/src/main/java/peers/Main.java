package peers;

import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import io.github.resilience4j.bulkhead.BulkheadFullException;
import io.github.resilience4j.circuitbreaker.CallNotPermittedException;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.decorators.Decorators;
import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import io.github.resilience4j.timelimiter.TimeLimiter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import peers.Row.Chunk;

/**
 * resilience4j, the JDK's semaphore and the floor of Java: a call of a
 * supplier.  Each row loops by itself, so that the compiler sees its calls.
 */
final class Main {
    private static final String R4J = "resilience4j";
    private static final String PERMITS = "resilience4j permits";
    private static final Duration HOUR = Duration.ofHours(1);

    /** Made once and without a stack: the cheapest there is to throw. */
    private static final class Failed extends RuntimeException {
        static final Failed IT = new Failed();

        private Failed() {
            super(null, null, false, false);
        }
    }

    private record Bodies(Supplier<Integer> ok, Supplier<Integer> fail) {
    }

    private static final List<Row> rows = new ArrayList<>();
    private static int runs;

    private static Integer succeed() {
        return 0;
    }

    private static Integer fail() {
        throw Failed.IT;
    }

    /** Adds a row after checking it: results, and runs of the body. */
    private static void add(String scene, String library, int expected,
            Function<Bodies, Chunk> build) {
        Chunk check = build.apply(new Bodies(() -> {
            runs++;
            return succeed();
        }, () -> {
            runs++;
            return fail();
        }));
        runs = 0;
        int wrong = check.run();
        if (wrong != 0 || runs != expected * Row.CALLS)
            throw new IllegalStateException(scene + " " + library + ": "
                    + wrong + " wrong results, " + runs + " runs");
        rows.add(new Row(scene, library,
                build.apply(new Bodies(Main::succeed, Main::fail))));
    }

    private static CircuitBreaker breaker(
            CircuitBreakerConfig.SlidingWindowType type, int size) {
        return CircuitBreaker.of("breaker", CircuitBreakerConfig.custom()
                .slidingWindow(size, 20, type)
                .waitDurationInOpenState(HOUR)
                .writableStackTraceEnabled(false).build());
    }

    private static CircuitBreaker count() {
        return breaker(CircuitBreakerConfig.SlidingWindowType.COUNT_BASED, 100);
    }

    private static CircuitBreaker time() {
        return breaker(CircuitBreakerConfig.SlidingWindowType.TIME_BASED, 10);
    }

    private static CircuitBreaker open() {
        CircuitBreaker breaker = count();
        while (breaker.getState() == CircuitBreaker.State.CLOSED)
            breaker.onError(0, TimeUnit.NANOSECONDS, Failed.IT);
        return breaker;
    }

    private static Retry retry() {
        return Retry.of("retry", RetryConfig.custom().maxAttempts(3)
                .intervalFunction(attempt -> 0L).build());
    }

    private static Bulkhead bulkhead() {
        return Bulkhead.of("bulkhead", BulkheadConfig.custom()
                .maxConcurrentCalls(10).maxWaitDuration(Duration.ZERO)
                .writableStackTraceEnabled(false).build());
    }

    private static Bulkhead full() {
        Bulkhead bulkhead = bulkhead();
        while (bulkhead.tryAcquirePermission())
            ;
        return bulkhead;
    }

    private static int tryOrFail(Supplier<Integer> call) {
        try {
            return call.get();
        } catch (Failed e) {
            return 1;
        }
    }

    private static void addRetry() {
        add("retry", R4J, 1, b -> {
            Retry retry = retry();
            return () -> {
                int wrong = 0;
                for (int i = 0; i < Row.CALLS; i++)
                    wrong += retry.executeSupplier(b.ok);
                return wrong;
            };
        });
        add("retry-fail", R4J, 3, b -> {
            Retry retry = retry();
            return () -> {
                int wrong = Row.CALLS;
                for (int i = 0; i < Row.CALLS; i++)
                    wrong -= tryOrFail(() -> retry.executeSupplier(b.fail));
                return wrong;
            };
        });
    }

    private static Chunk healthy(CircuitBreaker breaker, Bodies b) {
        return () -> {
            int wrong = 0;
            for (int i = 0; i < Row.CALLS; i++)
                wrong += breaker.executeSupplier(b.ok);
            return wrong;
        };
    }

    private static void addBreaker() {
        add("breaker-count", R4J, 1, b -> healthy(count(), b));
        add("breaker-time", R4J, 1, b -> healthy(time(), b));
        add("breaker-timed", R4J, 1, b -> healthy(time(), b));
        add("breaker-count-1", R4J, 1, b -> {
            CircuitBreaker breaker = count();
            return () -> {
                int wrong = Row.CALLS / 100;
                for (int i = 0; i < Row.CALLS / 100; i++) {
                    for (int j = 0; j < 99; j++)
                        wrong += breaker.executeSupplier(b.ok);
                    wrong -= tryOrFail(() -> breaker.executeSupplier(b.fail));
                }
                return wrong;
            };
        });
    }

    private static void addOpenBreaker() {
        add("breaker-open", R4J, 0, b -> {
            CircuitBreaker breaker = open();
            return () -> {
                int wrong = Row.CALLS;
                for (int i = 0; i < Row.CALLS; i++)
                    try {
                        breaker.executeSupplier(b.ok);
                    } catch (CallNotPermittedException e) {
                        wrong--;
                    }
                return wrong;
            };
        });
        add("breaker-open", PERMITS, 0, b -> {
            CircuitBreaker breaker = open();
            return () -> {
                int wrong = 0;
                for (int i = 0; i < Row.CALLS; i++)
                    if (breaker.tryAcquirePermission())
                        wrong++;
                return wrong;
            };
        });
    }

    private static void addBulkhead() {
        add("bulkhead", R4J, 1, b -> {
            Bulkhead bulkhead = bulkhead();
            return () -> {
                int wrong = 0;
                for (int i = 0; i < Row.CALLS; i++)
                    wrong += bulkhead.executeSupplier(b.ok);
                return wrong;
            };
        });
        add("bulkhead-full", R4J, 0, b -> {
            Bulkhead bulkhead = full();
            return () -> {
                int wrong = Row.CALLS;
                for (int i = 0; i < Row.CALLS; i++)
                    try {
                        bulkhead.executeSupplier(b.ok);
                    } catch (BulkheadFullException e) {
                        wrong--;
                    }
                return wrong;
            };
        });
        add("bulkhead-full", PERMITS, 0, b -> {
            Bulkhead bulkhead = full();
            return () -> {
                int wrong = 0;
                for (int i = 0; i < Row.CALLS; i++)
                    if (bulkhead.tryAcquirePermission())
                        wrong++;
                return wrong;
            };
        });
    }

    private static void addSemaphore() {
        add("bulkhead", "JDK Semaphore", 1, b -> {
            Semaphore semaphore = new Semaphore(10);
            return () -> {
                int wrong = 0;
                for (int i = 0; i < Row.CALLS; i++) {
                    if (!semaphore.tryAcquire())
                        return 1;
                    try {
                        wrong += b.ok.get();
                    } finally {
                        semaphore.release();
                    }
                }
                return wrong;
            };
        });
        add("bulkhead-full", "JDK Semaphore", 0, b -> {
            Semaphore semaphore = new Semaphore(0);
            return () -> {
                int wrong = 0;
                for (int i = 0; i < Row.CALLS; i++)
                    if (semaphore.tryAcquire())
                        wrong++;
                return wrong;
            };
        });
    }

    private static int within(TimeLimiter limiter, Supplier<Integer> body) {
        try {
            return limiter.executeFutureSupplier(
                    () -> CompletableFuture.completedFuture(body.get()));
        } catch (Exception e) {
            return 1;
        }
    }

    private static void addTimeLimiter() {
        add("timeout", R4J, 1, b -> {
            TimeLimiter limiter = TimeLimiter.of(Duration.ofSeconds(1));
            return () -> {
                int wrong = 0;
                for (int i = 0; i < Row.CALLS; i++)
                    wrong += within(limiter, b.ok);
                return wrong;
            };
        });
    }

    private static Chunk decorated(Supplier<Integer> call) {
        return () -> {
            int wrong = 0;
            for (int i = 0; i < Row.CALLS; i++)
                wrong += call.get();
            return wrong;
        };
    }

    /** Without timeouts, which take a future and a thread here. */
    private static void addPipelines() {
        add("pipeline-3", R4J, 1, b -> decorated(Decorators.ofSupplier(b.ok)
                .withCircuitBreaker(count()).withRetry(retry()).decorate()));
        add("pipeline-5", R4J, 1, b -> decorated(Decorators.ofSupplier(b.ok)
                .withBulkhead(bulkhead()).withCircuitBreaker(count())
                .withRetry(retry()).decorate()));
    }

    public static void main(String[] args) throws InterruptedException {
        add("call", "Java", 1, b -> decorated(b.ok));
        addRetry();
        addBreaker();
        addOpenBreaker();
        addBulkhead();
        addSemaphore();
        addTimeLimiter();
        addPipelines();
        Rounds.serve(rows);
    }

    private Main() {
    }
}
