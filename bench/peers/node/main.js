'use strict';
// The Node libraries and the floor of Node: an awaited call of an async
// function.

const { add, serve, someFail, succeeds, throws } = require('./rounds');
const {
  BrokenCircuitError, BulkheadRejectedError, CircuitState, ConsecutiveBreaker,
  CountBreaker, SamplingBreaker, TimeoutStrategy, bulkhead, circuitBreaker,
  handleAll, retry, timeout, wrap,
} = require('cockatiel');
const CircuitBreaker = require('opossum');

const HOUR = 3600 * 1000;

// ---- cockatiel ----

const breakers = {
  breaker: () => new ConsecutiveBreaker(5),
  'breaker-count': () => new CountBreaker({ threshold: 0.5, size: 100 }),
  'breaker-time': () => new SamplingBreaker({ threshold: 0.5, duration: 10000 }),
};

const newBreaker = breaker =>
  circuitBreaker(handleAll, { breaker, halfOpenAfter: HOUR });

const newConsecutive = () => newBreaker(breakers.breaker());

const newRetry = () => retry(handleAll, { maxAttempts: 2 });

const newTimeout = ms => timeout(ms, TimeoutStrategy.Cooperative);

/** A row of one shared policy around a body that succeeds. */
const addPolicy = (scene, newPolicy) => add(scene, 'cockatiel', 1, b => {
  const policy = newPolicy();
  return succeeds(() => policy.execute(b.ok));
});

async function addCockatielBreakers() {
  for (const [scene, breaker] of Object.entries(breakers)) {
    await addPolicy(scene, () => newBreaker(breaker()));
  }
  await add('breaker-count-1', 'cockatiel', 1, b => {
    const policy = newBreaker(breakers['breaker-count']());
    return someFail(() => policy.execute(b.ok), () => policy.execute(b.fail));
  });
  await add('breaker-open', 'cockatiel', 0, async b => {
    const policy = newConsecutive();
    while (policy.state === CircuitState.Closed) {
      await policy.execute(b.fail).catch(() => {});
    }
    return throws(error => error instanceof BrokenCircuitError,
      () => policy.execute(b.ok));
  });
}

async function addCockatiel() {
  await addPolicy('retry', newRetry);
  await addCockatielBreakers();
  await addPolicy('bulkhead', () => bulkhead(10));
  await add('bulkhead-full', 'cockatiel', 0, b => {
    const policy = bulkhead(1);
    policy.execute(() => new Promise(() => {}));
    return throws(error => error instanceof BulkheadRejectedError,
      () => policy.execute(b.ok));
  });
  await addPolicy('timeout', () => newTimeout(1000));
  await addPolicy('pipeline-3',
    () => wrap(newTimeout(1000), newRetry(), newConsecutive()));
  await addPolicy('pipeline-5', () => wrap(newTimeout(2000), newRetry(),
    newConsecutive(), bulkhead(10), newTimeout(1000)));
}

// ---- opossum: a time window of 10 s in 10 buckets, always ----

const newOpossum = (body, options) => new CircuitBreaker(body,
  { timeout: false, resetTimeout: HOUR, volumeThreshold: 20, ...options });

const addOpossum = (scene, options) => add(scene, 'opossum', 1, b => {
  const breaker = newOpossum(b.ok, options);
  return succeeds(() => breaker.fire());
});

async function addOpossums() {
  await addOpossum('breaker-time', {});
  await addOpossum('bulkhead', { capacity: 10 });
  await addOpossum('timeout', { timeout: 1000 });
  await add('breaker-open', 'opossum', 0, async b => {
    const breaker = newOpossum(b.fail, {});
    while (!breaker.opened) await breaker.fire().catch(() => {});
    return throws(error => error.code === 'EOPENBREAKER',
      () => breaker.fire());
  });
}

async function main() {
  await add('call', 'Node', 1, b => succeeds(b.ok));
  await addCockatiel();
  await addOpossums();
  await serve();
  process.exit(0); // opossum's timers would keep it
}

main();
