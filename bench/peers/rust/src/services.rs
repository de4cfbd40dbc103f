//! Libraries that protect a future.  The body is ready at once, so that one
//! poll is the whole call and no runtime comes into it.

use crate::rounds::{Chunk, Row};
use crate::Body;
use std::future::{ready, Future, Ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::limit::ConcurrencyLimit;
use tower::load_shed::LoadShed;
use tower::retry::{Policy, Retry};
use tower::timeout::Timeout;
use tower::Service;

/// The body as a service; the request says whether it fails.
#[derive(Clone, Copy)]
struct BodyService<B>(B);

impl<B: Body> Service<bool> for BodyService<B> {
    type Response = ();
    type Error = Failed;
    type Future = Ready<Result<(), Failed>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, fail: bool) -> Self::Future {
        ready(self.0.run(fail).map_err(|_| Failed))
    }
}

#[derive(Debug)]
struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Failed {}

/// Three attempts without delay.
#[derive(Clone)]
struct Attempts(usize);

impl Policy<bool, (), Failed> for Attempts {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut bool,
        result: &mut Result<(), Failed>,
    ) -> Option<Ready<()>> {
        self.0 -= 1;
        (result.is_err() && self.0 > 0).then(|| ready(()))
    }

    fn clone_request(&mut self, fail: &bool) -> Option<bool> {
        Some(*fail)
    }
}

/// What a future that does not wait comes to; None for one that does.
fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// One call of a shared service: a clone, as its users make.
fn call<S: Service<bool> + Clone>(
    service: &S,
    fail: bool,
) -> Option<Result<S::Response, S::Error>> {
    let mut service = service.clone();
    match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => poll_once(service.call(fail)),
        Poll::Ready(Err(error)) => Some(Err(error)),
        Poll::Pending => None,
    }
}

/// A limit of one that another clone has taken for good.
fn full(body: impl Body) -> Chunk {
    let limit = ConcurrencyLimit::new(BodyService(body), 1);
    let mut taken = limit.clone();
    let _ = taken.poll_ready(&mut Context::from_waker(Waker::noop()));
    std::mem::forget(taken);
    let service = LoadShed::new(limit);
    chunk!(call(&service, false), Some(Err(_)))
}

pub fn rows(body: impl Body) -> Vec<Row> {
    let row = |scene, library, runs, chunk| Row {
        scene,
        library,
        runs,
        chunk,
    };
    let second = Duration::from_secs(1);
    let retry = Retry::new(Attempts(3), BodyService(body));
    let retry_fail = retry.clone();
    let limit = ConcurrencyLimit::new(BodyService(body), 10);
    let timeout = Timeout::new(BodyService(body), second);
    let run =
        move || tokio::time::timeout(second, async move { body.run(false) });
    vec![
        row(
            "retry",
            "tower",
            1,
            chunk!(call(&retry, false), Some(Ok(()))),
        ),
        row(
            "retry-fail",
            "tower",
            3,
            chunk!(call(&retry_fail, true), Some(Err(_))),
        ),
        row(
            "bulkhead",
            "tower",
            1,
            chunk!(call(&limit, false), Some(Ok(()))),
        ),
        row("bulkhead-full", "tower", 0, full(body)),
        row(
            "timeout",
            "tower",
            1,
            chunk!(call(&timeout, false), Some(Ok(()))),
        ),
        row(
            "timeout",
            "tokio",
            1,
            chunk!(poll_once(run()), Some(Ok(Ok(())))),
        ),
    ]
}
