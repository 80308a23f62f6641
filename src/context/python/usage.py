"""What the interpreter has used until now, by the kernel's count.

It is the process's: threads that earlier cells have left count for the cell that runs.
"""

import sys
import time

try:
    from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
except ImportError:
    # An interpreter that was built without it.
    getrusage = None

# Everywhere but on a Mac the kernel counts these kibibytes.
UNIT = 1 if sys.platform == "darwin" else 1024


def used():
    """Microseconds of processor time, those of programs that it waited for among them, and the most memory, in bytes."""
    if getrusage is None:
        return time.process_time_ns() // 1000, None
    own, others = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    seconds = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    return int(seconds * 1000000), own.ru_maxrss * UNIT
