use std::io::{stdin, BufRead};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Calls in a chunk.
pub const CALLS: usize = 200;

/// Makes that many calls; returns how many gave a wrong result.
pub type Chunk = Box<dyn Fn() -> usize + Sync>;

pub struct Row {
    pub scene: &'static str,
    pub library: &'static str,
    /// How often each call runs the body.
    pub runs: usize,
    pub chunk: Chunk,
}

/// Loops over a call that must match a pattern.
macro_rules! chunk {
    ($call:expr, $expected:pat) => {
        Box::new(move || {
            let mut wrong = 0;
            for _ in 0..$crate::rounds::CALLS {
                wrong += !matches!($call, $expected) as usize;
            }
            wrong
        })
    };
}

fn work(row: &Row, begin: &Barrier, stop: &AtomicBool) -> (f64, usize, usize) {
    let (mut chunks, mut wrong) = (0, 0);
    begin.wait();
    let began = Instant::now();
    loop {
        wrong += (row.chunk)();
        chunks += 1;
        if stop.load(Relaxed) {
            break;
        }
    }
    (began.elapsed().as_nanos() as f64, chunks * CALLS, wrong)
}

/// Runs a row on all threads at once; says ns per call of a thread.
fn round(row: &Row, threads: usize, ms: u64) -> String {
    let begin = Barrier::new(threads + 1);
    let stop = AtomicBool::new(false);
    let runtime = tokio::runtime::Handle::current();
    let (mut ns, mut calls, mut wrong) = (0.0, 0, 0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let _entered = runtime.enter();
                    work(row, &begin, &stop)
                })
            })
            .collect();
        begin.wait();
        std::thread::sleep(Duration::from_millis(ms));
        stop.store(true, Relaxed);
        for worker in workers {
            let done = worker.join().unwrap();
            ns += done.0;
            calls += done.1;
            wrong += done.2;
        }
    });
    if wrong != 0 {
        return format!("{wrong} wrong results");
    }
    format!("{:.3}", ns / calls as f64)
}

/// Answers the driver until it hangs up.
pub fn serve(rows: &[Row]) {
    for row in rows {
        println!("{}\t{}\t64", row.scene, row.library);
    }
    println!("ready {}", env!("RUST_VERSION"));
    for line in stdin().lock().lines() {
        let line = line.unwrap();
        let word: Vec<_> = line.split(' ').collect();
        let number = |i: usize| word[i].parse::<usize>().unwrap();
        println!("{}", round(&rows[number(1)], number(2), number(3) as u64));
    }
}
