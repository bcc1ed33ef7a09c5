"""
Turns of a contestant. A line comes in: how many ms to train, and how many steps at least. Steps are taken, and a line with
ms per step goes out.
"""
import json
import os
import sys
import time

THREADS = int(os.environ["BENCH_THREADS"])

# What libraries print goes nowhere; lines for the benchmark have a way of their own.
_out = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class Turns:
    """`tick()` comes before each step. The first fifth of a turn wakes threads and is not counted."""

    def __init__(self, settle=lambda: None):
        self.settle = settle
        self.steps, self.least, self.warm, self.begin, self.end = 0, 0, 0.0, None, 0.0

    def tick(self):
        if self.end == 0:
            return self._wait({})
        if self.begin is None:
            if time.perf_counter() >= self.warm:
                self.settle()
                self.begin = time.perf_counter()
            return
        self.steps += 1
        if self.steps >= self.least and time.perf_counter() >= self.end:
            self.settle()
            self._wait({"ms": (time.perf_counter() - self.begin) * 1e3 / self.steps})

    def _wait(self, result):
        print(json.dumps(result), file=_out, flush=True)
        line = sys.stdin.readline()
        if not line:
            os._exit(0)
        ms, least = map(float, line.split())
        now = time.perf_counter()
        self.steps, self.least, self.begin = 0, least, None
        self.warm, self.end = now + ms / 5e3, now + ms / 1e3


def run(step, settle=lambda: None):
    """Takes steps for as long as turns come in."""
    turns = Turns(settle)
    while True:
        turns.tick()
        step()
