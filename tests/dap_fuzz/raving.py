"""Says anything on the debugger's channel, by chance of a seed, for as long as somebody takes it."""
import json
import random
import time

from forge import pour

chance = random.Random(SEED)
events = ["ready", "stopped", "continued", "threadStarted", "threadEnded", "output", "printing", "breakpointMoved",
          "module", "source", "child", "ending", "nothing", ""]
names = ["thread", "id", "name", "reason", "breakpoints", "text", "allThreads", "category", "place", "line", "stream",
         "offset", "placed", "verified", "message", "pid", "file", "frames", "total", "variables", "value"]


def anything(depth=3):
    kinds = [lambda: None, lambda: True, lambda: chance.randint(-5, 50), lambda: chance.choice([2 ** 63, -1e300, 1.5]),
             lambda: chance.choice(["", "x" * chance.randint(0, 5000), "/etc/shadow", "\x1b[2J", "step", "console"])]
    if depth:
        kinds.append(lambda: [anything(depth - 1) for _ in range(chance.randint(0, 4))])
        kinds.append(lambda: {chance.choice(names): anything(depth - 1) for _ in range(chance.randint(0, 5))})
    return chance.choice(kinds)()


def message():
    fields = {chance.choice(names): anything() for _ in range(chance.randint(0, 6))}
    kind = chance.randint(0, 3)
    if kind == 0:
        return {"event": chance.choice(events), **fields}
    if kind == 1:
        return {"id": chance.randint(0, 60), "ok": fields}
    if kind == 2:
        return {"id": chance.randint(0, 60), "error": anything(), "kind": chance.choice(["refused", "stale", "x"])}
    return anything()


while pour((json.dumps(message()) + "\n").encode()):
    time.sleep(0.002)
