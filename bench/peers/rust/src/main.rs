//! The Rust libraries and the floor of Rust: a call of the body.

#[macro_use]
mod rounds;
mod services;
mod sync;

use rounds::{serve, Row, CALLS};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What the policies protect.
pub trait Body: Copy + Send + Sync + 'static {
    fn run(self, fail: bool) -> Result<(), ()>;
}

#[derive(Clone, Copy)]
struct Quick;

impl Body for Quick {
    #[inline(never)]
    fn run(self, fail: bool) -> Result<(), ()> {
        if black_box(fail) {
            Err(())
        } else {
            Ok(())
        }
    }
}

static RUNS: AtomicUsize = AtomicUsize::new(0);

#[derive(Clone, Copy)]
struct Counting;

impl Body for Counting {
    fn run(self, fail: bool) -> Result<(), ()> {
        RUNS.fetch_add(1, Relaxed);
        Quick.run(fail)
    }
}

fn rows(body: impl Body) -> Vec<Row> {
    let mut rows = vec![Row {
        scene: "call",
        library: "Rust",
        runs: 1,
        chunk: chunk!(body.run(false), Ok(())),
    }];
    rows.extend(sync::rows(body));
    rows.extend(services::rows(body));
    rows
}

/// Right results, and as many runs of the body as expected.
fn check() {
    for row in rows(Counting) {
        RUNS.store(0, Relaxed);
        let wrong = (row.chunk)();
        let runs = RUNS.load(Relaxed);
        assert!(
            wrong == 0 && runs == row.runs * CALLS,
            "{} {}: {wrong} wrong results, {runs} runs",
            row.scene,
            row.library
        );
    }
}

fn main() {
    // tokio's timeouts need the timer of a runtime, which nobody drives here:
    // it is asked only by what has to wait.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    check();
    serve(&rows(Quick));
}
