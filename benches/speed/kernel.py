"""Measures ipykernel by jupyter_client: a word on standard input asks for a sample, a number answers."""

import sys
import time

from jupyter_client.manager import start_new_kernel

STREAM_BYTES = 100 << 20
LINE = "x" * 79 + "\n"
EMIT = {
    "lines": f"import sys\nline = {LINE!r}\nfor _ in range({STREAM_BYTES // len(LINE)}): sys.stdout.write(line)",
    "chunks": f"import sys\ntext = ({LINE!r} * 820)[:65536]\nfor _ in range({STREAM_BYTES // 65536}): sys.stdout.write(text)",
}

kernels = []


def kernel():
    """The kernel of all samples but those of starting one."""
    if not kernels:
        kernels.append(start_new_kernel(kernel_name="python3"))
    return kernels[0]


def messages(client, request):
    """What a request brings, until it is answered and the kernel rests."""
    while True:
        message = client.get_iopub_msg(timeout=120)
        if message["parent_header"].get("msg_id") != request:
            continue
        yield message
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            client.get_shell_msg(timeout=120)
            return


def start():
    began = time.perf_counter()
    manager, client = start_new_kernel(kernel_name="python3")
    taken = time.perf_counter() - began
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return taken * 1e3


def run():
    _, client = kernel()
    began = time.perf_counter()
    for _ in messages(client, client.execute("print(1)")):
        pass
    return (time.perf_counter() - began) * 1e3


def first():
    _, client = kernel()
    began = time.perf_counter()
    taken = None
    for message in messages(client, client.execute("print(1)")):
        if message["msg_type"] == "stream" and taken is None:
            taken = time.perf_counter() - began
    return taken * 1e3


def stream(pieces):
    _, client = kernel()
    began = time.perf_counter()
    total = 0
    for message in messages(client, client.execute(EMIT[pieces])):
        if message["msg_type"] == "stream":
            total += len(message["content"]["text"])
    taken = time.perf_counter() - began
    assert total >= STREAM_BYTES // 80 * 79, total
    return total / taken / 1e6


def cancel():
    manager, client = kernel()
    began = None
    for message in messages(client, client.execute("print(1, flush=True)\nwhile True: pass")):
        if message["msg_type"] == "stream":
            began = time.perf_counter()
            manager.interrupt_kernel()
    return (time.perf_counter() - began) * 1e3


def complete():
    _, client = kernel()
    began = time.perf_counter()
    request = client.complete("impor", 5)
    while client.get_shell_msg(timeout=120)["parent_header"].get("msg_id") != request:
        pass
    return (time.perf_counter() - began) * 1e3


def memory():
    manager, _ = kernel()
    with open(f"/proc/{manager.provisioner.pid}/smaps_rollup") as rollup:
        pss = next(line for line in rollup if line.startswith("Pss:"))
    return int(pss.split()[1]) / 1024


SAMPLES = {
    "start": start,
    "run": run,
    "first": first,
    "lines": lambda: stream("lines"),
    "chunks": lambda: stream("chunks"),
    "cancel": cancel,
    "complete": complete,
    "memory": memory,
}

for line in sys.stdin:
    try:
        print(SAMPLES[line.strip()](), flush=True)
    except Exception as error:
        print(f"{type(error).__name__}: {error}", flush=True)
for manager, client in kernels:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
