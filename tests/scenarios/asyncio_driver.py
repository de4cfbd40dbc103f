"""The table on asyncio, over ctypes: a third driver, in another language, on
the public stepper alone.  usage: asyncio_driver.py LIBWEIR TABLE"""
import asyncio
import ctypes as c
import sys
import threading

weir = c.CDLL(sys.argv[1])
NEVER = 2**64 - 1
MS = 1000000
ATTEMPT, CANCEL, WAIT, DONE = 1, 2, 3, 4
u32, u64, i32, ptr = c.c_uint32, c.c_uint64, c.c_int32, c.c_void_p


def struct(*fields):
    return type("struct", (c.Structure,), {"_fields_": fields})


Breaker = struct(("size", u32), ("window", u32), ("failure_threshold", u32),
                 ("minimum_calls", u32), ("failure_rate", c.c_double),
                 ("slow_rate", c.c_double), ("slow_call_ns", u64),
                 ("window_ns", u64), ("window_calls", u32), ("buckets", u32),
                 ("open_ns", u64), ("open_max_ns", u64),
                 ("open_factor", c.c_double), ("open_jitter", c.c_double),
                 ("seed", u64), ("seeded", u32), ("reserved", u32),
                 ("probes", u32), ("probe_successes", u32), ("lease_ns", u64),
                 ("clock", ptr), ("allocator", ptr))
Retry = struct(("size", u32), ("max_attempts", u32), ("base_ns", u64),
               ("cap_ns", u64), ("factor", c.c_double), ("hint_max_ns", u64),
               ("max_elapsed_ns", u64), ("seed", u64), ("seeded", u32),
               ("backoff", i32), ("jitter", i32), ("retry_on", u32),
               ("budget", ptr), ("clock", ptr), ("allocator", ptr))
Bulkhead = struct(("size", u32), ("max_concurrent", u32), ("max_queue", u32),
                  ("reserved", u32), ("queue_ns", u64),
                  ("abandoned_max_ns", u64), ("clock", ptr),
                  ("allocator", ptr))
Timeout = struct(("size", u32), ("reserved", u32), ("timeout_ns", u64),
                 ("clock", ptr), ("allocator", ptr))
Pipeline = struct(("size", u32), ("reserved", u32), ("clock", ptr),
                  ("allocator", ptr))
CallOptions = struct(("size", u32), ("reserved", u32), ("deadline_ns", u64),
                     ("parent", ptr), ("cancel", ptr))
Result = struct(("size", u32), ("code", i32), ("last_code", i32),
                ("attempts", u32), ("rejected_by", i32),
                ("rejected_layer", u32), ("elapsed_ns", u64),
                ("retry_after_ns", u64))
Step = struct(("size", u32), ("action", i32), ("wake_ns", u64),
              ("attempt", ptr))
Event = struct(("size", u32), ("kind", i32), ("sequence", u64),
               ("at_ns", u64), ("from_", i32), ("to", i32))
WAKE = c.CFUNCTYPE(None, ptr)
LISTENER = c.CFUNCTYPE(None, c.POINTER(Event), ptr)

weir.weir_error_name.restype = c.c_char_p
weir.weir_clock_now_ns.restype = u64
weir.weir_clock_next_ns.restype = u64
weir.weir_attempt_number.restype = u32


def must(status):
    if status != 0:
        raise RuntimeError(weir.weir_error_name(status).decode())


def new(kind, *args):
    handle = ptr()
    must(getattr(weir, f"weir_{kind}_new")(c.byref(handle), *args))
    return handle


def make(kind, options, clock, **fields):
    must(getattr(weir, f"weir_{kind}_options_init")(
        c.byref(options), c.sizeof(options)))
    options.clock = clock
    for name, value in fields.items():
        setattr(options, name, value)
    return new(kind, c.byref(options))


class Call:
    def __init__(self, scenario, name, pipeline, start, works):
        self.scenario, self.name, self.pipeline = scenario, name, pipeline
        self.start, self.works = start, works
        self.cancel = self.cancel_at = None
        self.stopped = False
        self.deaf = any(w.startswith("deaf") for w in works)

    async def run(self, parent=None):
        """The driver: a step, what it asks for, the next step."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        wake = WAKE(lambda _: loop.call_soon_threadsafe(woken.set))
        call, running = ptr(), {}
        options = CallOptions()
        must(weir.weir_call_options_init(c.byref(options), c.sizeof(options)))
        options.parent, options.cancel = parent, self.cancel
        must(weir.weir_call_new(c.byref(call), self.pipeline,
                                c.byref(options)))
        must(weir.weir_call_on_wake(call, wake, None, None))
        self.scenario.alive.append(wake)  # outlives abandoned attempts
        step = Step(size=c.sizeof(Step))
        while step.action != DONE:
            woken.clear()
            must(weir.weir_call_step(call, u64(NEVER), c.byref(step)))
            if step.action == ATTEMPT:
                running[step.attempt] = asyncio.create_task(
                    self.attempt(step.attempt))
            elif step.action == CANCEL:
                running[step.attempt].cancel()
                await asyncio.sleep(0)  # it is told before the call is done
            elif step.action == WAIT:
                await woken.wait()
        result = Result(size=c.sizeof(Result))
        must(weir.weir_call_result(call, c.byref(result)))
        weir.weir_call_unref(call)
        self.done(result)
        return result.code

    async def attempt(self, attempt):
        """Does the work of one attempt and finishes it from a thread."""
        number = weir.weir_attempt_number(ptr(attempt))
        kind, _, argument = self.works[number - 1].replace(
            ":", "@").partition("@")
        scenario, code = self.scenario, 0 if "ok" == kind else 500
        end = scenario.now() + int(argument) if argument.isdigit() else None
        self.stopped = False
        scenario.trace(self.name, f"start {number}")
        inner = None
        try:
            if kind == "nest":
                inner = asyncio.create_task(
                    scenario.calls[argument].run(attempt))
                code = await asyncio.shield(inner)
            else:
                await scenario.sleep_until(end)
        except asyncio.CancelledError:
            self.stopped = True
            scenario.trace(self.name, f"stop {number}")
            if kind == "deaf":
                await scenario.sleep_until(end)
            elif inner:
                code = await inner
            else:
                code = -1
        thread = threading.Thread(target=weir.weir_attempt_finish,
                                  args=(ptr(attempt), code, u64(NEVER)))
        thread.start()
        thread.join()

    def done(self, result):
        name = weir.weir_error_name(result.code).decode()
        last = "-" if self.stopped else result.last_code
        self.scenario.trace(
            self.name, f"done {result.code if name == '?' else name}"
            + ("" if self.deaf else f" last={last}")
            + f" attempts={result.attempts} by={result.rejected_by}",
            timed=not self.deaf)


class Scenario:
    def __init__(self, name):
        self.name, self.calls, self.pipelines = name, {}, {}
        self.lines, self.expected, self.alive = [], [], []
        self.sleepers, self.bulkheads = [], {}
        self.clock = ptr()
        must(weir.weir_clock_new_virtual(c.byref(self.clock), u64(0)))

    def now(self):
        return weir.weir_clock_now_ns(self.clock) // MS

    def trace(self, name, text, timed=True, at=None):
        at = self.now() if at is None else at
        self.lines.append((at if timed else -1, name, len(self.lines), text))

    def text(self):
        lines = [f"{at if at >= 0 else '-'} {name} {text}"
                 for at, name, _, text in sorted(self.lines)]
        for name, b in self.bulkheads.items():
            lines.append(f"{name} running={weir.weir_bulkhead_running(b)} "
                         f"waiting={weir.weir_bulkhead_waiting(b)}")
        return lines

    def add_pipeline(self, name, policies):
        pipeline = make("pipeline", Pipeline(), self.clock)
        for text in policies:
            kind, _, rest = text.partition("=")
            n = [int(x) if x.isdigit() else x for x in rest.split(",")]
            if kind == "share":
                kind, policy = "bulkhead", self.bulkheads[n[0]]
            elif kind == "timeout":
                policy = make(kind, Timeout(), self.clock,
                              timeout_ns=n[0] * MS)
            elif kind == "retry":
                policy = make(kind, Retry(), self.clock, max_attempts=n[0],
                              base_ns=n[1] * MS, jitter=0)
            elif kind == "breaker":
                policy = make(kind, Breaker(), self.clock,
                              failure_threshold=n[0], open_ns=n[1] * MS)
                self.listen(name, policy)
            else:
                policy = make(kind, Bulkhead(), self.clock,
                              max_concurrent=n[0], max_queue=n[1],
                              queue_ns=n[2] * MS)
                self.bulkheads[name] = policy
            must(getattr(weir, f"weir_pipeline_add_{kind}")(pipeline, policy))
            if text[:5] != "share":
                getattr(weir, f"weir_{kind}_unref")(policy)
        must(weir.weir_pipeline_seal(pipeline))
        self.pipelines[name] = pipeline

    def listen(self, name, breaker):
        states = ["CLOSED", "OPEN", "HALF_OPEN"]
        listener = LISTENER(lambda e, _: self.trace(
            name, f"{states[e[0].from_]} {states[e[0].to]}",
            at=e[0].at_ns // MS))
        self.alive.append(listener)
        must(weir.weir_breaker_listen(breaker, listener, None, None))

    async def sleep_until(self, at):
        future = asyncio.get_running_loop().create_future()
        if at is not None:
            self.sleepers.append((at, future))
        await future

    async def quiet(self):
        for _ in range(50):
            await asyncio.sleep(0)

    async def start(self, call):
        await self.sleep_until(call.start)
        await call.run()

    async def fire(self, call):
        await self.sleep_until(call.cancel_at)
        weir.weir_cancel_fire(call.cancel)

    async def run(self):
        tasks = [asyncio.create_task(self.start(call))
                 for call in self.calls.values() if call.start is not None]
        tasks += [asyncio.create_task(self.fire(call))
                  for call in self.calls.values() if call.cancel]
        await self.quiet()
        while True:
            self.sleepers = [s for s in self.sleepers if not s[1].done()]
            next_ns = weir.weir_clock_next_ns(self.clock)
            due = min([at for at, _ in self.sleepers], default=None)
            if due is not None and due * MS <= next_ns:
                next_ns = due * MS
            if next_ns == NEVER:
                break
            weir.weir_clock_advance(
                self.clock, u64(next_ns - weir.weir_clock_now_ns(self.clock)))
            for at, future in self.sleepers:
                if at * MS <= next_ns:
                    future.set_result(None)
            await self.quiet()
        await asyncio.gather(*tasks)


def read(path):
    scenario, expecting = None, False
    for line in open(path):
        words = line.split()
        if not words or words[0] == "#":
            continue
        if words[0] == "scenario":
            scenario, expecting = Scenario(words[1]), False
        elif words[0] == "end":
            yield scenario
        elif expecting:
            scenario.expected.append(line.strip())
        elif words[0] == "pipeline":
            scenario.add_pipeline(words[1], words[2:])
        elif words[0] == "call":
            start = None if words[3] == "nested" else int(words[3])
            scenario.calls[words[1]] = Call(
                scenario, words[1], scenario.pipelines[words[2]], start,
                words[4:])
        elif words[0] == "cancel":
            call = scenario.calls[words[1]]
            call.cancel, call.cancel_at = new("cancel"), int(words[2])
        elif words[0] == "expect":
            expecting = True


def main():
    passed = failed = 0
    for scenario in read(sys.argv[2]):
        asyncio.run(scenario.run())
        lines = scenario.text()
        print(f"scenario {scenario.name}", *lines, sep="\n")
        if lines == scenario.expected:
            passed += 1
        else:
            failed += 1
            print(f"asyncio: {scenario.name} differs", "--- expected",
                  *scenario.expected, "--- got", *lines, sep="\n",
                  file=sys.stderr)
    print(f"asyncio: {passed} passed, {failed} failed", file=sys.stderr)
    sys.exit(failed != 0 or passed == 0)


main()
