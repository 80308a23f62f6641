"""Greets somebody, a line at a time, so that one can see the output arrive while the program runs."""

import sys
import time

name = sys.argv[1] if len(sys.argv) > 1 else "world"
for line in ("Hello from a sandbox.", "There is no network here,", "nor anybody's home directory.", f"Goodbye, {name}."):
    print(line, flush=True)
    time.sleep(0.3)
