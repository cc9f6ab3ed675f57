"""How torch's threads wait for each other on a CPU: read by the OpenMP library once, before torch is imported."""

from __future__ import annotations

WAITING = {
    # Threads that never give their core away: beside one other busy process a training step takes 9 times as long.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Threads that sleep at once must be woken 10,000 times a step: a third more time on idle cores. So GNU's library
    # looks this many times first, some ten microseconds. Measured on 2 cores, seconds a step, idle and beside a busy
    # process: 0 times 1.4 and 2.0, 2,500 times 1.05 and 2.2, 10,000 times 1.0 and 3.3, its own default 1.0 and 9.5.
    "GOMP_SPINCOUNT": "2500",
}
"""Environment variables. `os.environ.update(WAITING | os.environ)` leaves what a person has set."""
