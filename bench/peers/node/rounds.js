'use strict';
// Rows of the table, and the rounds that the driver asks for.

const readline = require('node:readline');

const CALLS = 200; // in a chunk

const rows = [];

/** A chunk of calls that must all resolve to 0; says how many did not. */
const succeeds = call => async () => {
  let wrong = 0;
  for (let i = 0; i < CALLS; i++) {
    if (await call() !== 0) wrong++;
  }
  return wrong;
};

/** A chunk of calls that must all be refused with such an error. */
const throws = (isExpected, call) => async () => {
  let wrong = CALLS;
  for (let i = 0; i < CALLS; i++) {
    try {
      await call();
    } catch (error) {
      if (isExpected(error)) wrong--;
    }
  }
  return wrong;
};

const FAILED = new Error('failed');
/** A chunk of calls of which one in a hundred fails. */
const someFail = (ok, fail) => async () => {
  let wrong = CALLS / 100;
  for (let i = 0; i < CALLS / 100; i++) {
    for (let j = 0; j < 99; j++) {
      if (await ok() !== 0) wrong++;
    }
    try {
      await fail();
    } catch (error) {
      if (error === FAILED) wrong--;
    }
  }
  return wrong;
};

const quick = { ok: async () => 0, fail: async () => { throw FAILED; } };

let runs = 0;
const counting = {
  ok: async () => { runs++; return 0; },
  fail: async () => { runs++; throw FAILED; },
};

/** Adds a row after checking it: results, and runs of the body per call. */
async function add(scene, library, expected, build) {
  const check = await build(counting);
  runs = 0;
  const wrong = await check();
  if (wrong !== 0 || runs !== expected * CALLS) {
    throw new Error(
      `${scene} ${library}: ${wrong} wrong results, ${runs} runs`);
  }
  rows.push({ scene, library, chunk: await build(quick) });
}

/** Says ns per call. */
async function round(chunk, ms) {
  let chunks = 0;
  let wrong = 0;
  let took;
  const began = performance.now();
  do {
    wrong += await chunk();
    chunks++;
    took = performance.now() - began;
  } while (took < ms);
  if (wrong !== 0) return `${wrong} wrong results`;
  return (took * 1e6 / (chunks * CALLS)).toFixed(3);
}

/** Answers the driver until it hangs up. */
async function serve() {
  for (const row of rows) console.log(`${row.scene}\t${row.library}\t1`);
  console.log(`ready ${process.version}`);
  for await (const line of readline.createInterface(process.stdin)) {
    const [, index, , ms] = line.split(' ').map(Number);
    console.log(await round(rows[index].chunk, ms));
  }
}

module.exports = { add, serve, someFail, succeeds, throws };
