"""What run.py and a peer say to each other, as in protocol.rs."""

import sys
import time


def serve(warm_up, work):
    """Answers `run N` with the seconds that N units of `work` take, after `warm_up` units that nobody counts."""
    for _ in range(warm_up):
        work()
    print("ready", flush=True)
    for line in sys.stdin:
        units = int(line.split()[1])
        start = time.perf_counter()
        for _ in range(units):
            work()
        print(time.perf_counter() - start, flush=True)
