"""Writes what a debuggee likes into every socket of its process: one of them is the debugger's."""
import json
import os


def channels():
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2 and os.readlink("/proc/self/fd/" + name).startswith("socket:"):
                found.append(int(name))
        except OSError:
            continue
    return found


def pour(data):
    """Writes bytes, and gives the number of those that somebody took."""
    taken = 0
    for descriptor in channels():
        left = data
        try:
            while left:
                count = os.write(descriptor, left)
                taken += count
                left = left[count:]
        except OSError:
            # The daemon has closed it, having had enough.
            continue
    return taken


def say(text):
    """Prints a whole line at once."""
    os.write(1, (text + "\n").encode())


def forge(*messages):
    """Sends messages as the helper does, and says so before and after: the daemon may have had enough of it."""
    say("forging on %d" % len(channels()))
    taken = pour("".join(json.dumps(message) + "\n" for message in messages).encode())
    say("forged %d" % taken)
