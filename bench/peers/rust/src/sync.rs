//! Libraries that protect a plain call.

use crate::rounds::{Chunk, Row, CALLS};
use crate::Body;
use failsafe::{backoff, failure_policy, CircuitBreaker, Config};
use governor::{Quota, RateLimiter};
use recloser::Recloser;
use std::time::Duration;
use tokio::sync::Semaphore;

const HOUR: Duration = Duration::from_secs(3600);

fn new_consecutive() -> impl CircuitBreaker {
    let policy =
        failure_policy::consecutive_failures(5, backoff::constant(HOUR));
    Config::new().failure_policy(policy).build()
}

/// Not a window: a moving average of 10 s that forgets exponentially.
fn new_average() -> impl CircuitBreaker {
    let policy = failure_policy::success_rate_over_time_window(
        0.5,
        20,
        Duration::from_secs(10),
        backoff::constant(HOUR),
    );
    Config::new().failure_policy(policy).build()
}

fn new_recloser() -> Recloser {
    Recloser::custom()
        .error_rate(0.5)
        .closed_len(100)
        .open_wait(HOUR)
        .build()
}

fn failsafe_open(body: impl Body) -> Chunk {
    let breaker = new_consecutive();
    while breaker.is_call_permitted() {
        let _ = breaker.call(|| Err::<(), ()>(()));
    }
    chunk!(
        breaker.call(|| body.run(false)),
        Err(failsafe::Error::Rejected)
    )
}

fn recloser_open(body: impl Body) -> Chunk {
    let breaker = new_recloser();
    while !matches!(
        breaker.call(|| Err::<(), ()>(())),
        Err(recloser::Error::Rejected)
    ) {}
    chunk!(
        breaker.call(|| body.run(false)),
        Err(recloser::Error::Rejected)
    )
}

fn recloser_some_fail(body: impl Body) -> Chunk {
    let breaker = new_recloser();
    Box::new(move || {
        let mut wrong = 0;
        for _ in 0..CALLS / 100 {
            for _ in 0..99 {
                wrong += breaker.call(|| body.run(false)).is_err() as usize;
            }
            let failed = breaker.call(|| body.run(true));
            wrong +=
                !matches!(failed, Err(recloser::Error::Inner(()))) as usize;
        }
        wrong
    })
}

fn semaphore(permits: usize, body: impl Body) -> Chunk {
    let semaphore = Semaphore::new(permits);
    let run = move || {
        let _permit = semaphore.try_acquire().ok()?;
        Some(body.run(false))
    };
    if permits == 0 {
        chunk!(run(), None)
    } else {
        chunk!(run(), Some(Ok(())))
    }
}

fn governor_empty() -> Chunk {
    let day = Duration::from_secs(86400);
    let limiter = RateLimiter::direct(Quota::with_period(day).unwrap());
    limiter.check().unwrap();
    chunk!(limiter.check(), Err(_))
}

pub fn rows(body: impl Body) -> Vec<Row> {
    let row = |scene, library, runs, chunk| Row {
        scene,
        library,
        runs,
        chunk,
    };
    let consecutive = new_consecutive();
    let average = new_average();
    let count = new_recloser();
    vec![
        row(
            "breaker",
            "failsafe",
            1,
            chunk!(consecutive.call(|| body.run(false)), Ok(())),
        ),
        row(
            "breaker-time",
            "failsafe",
            1,
            chunk!(average.call(|| body.run(false)), Ok(())),
        ),
        row("breaker-open", "failsafe", 0, failsafe_open(body)),
        row(
            "breaker-count",
            "recloser",
            1,
            chunk!(count.call(|| body.run(false)), Ok(())),
        ),
        row("breaker-count-1", "recloser", 1, recloser_some_fail(body)),
        row("breaker-open", "recloser", 0, recloser_open(body)),
        row("bulkhead", "tokio", 1, semaphore(10, body)),
        row("bulkhead-full", "tokio", 0, semaphore(0, body)),
        row("bucket-empty", "governor", 0, governor_empty()),
    ]
}
