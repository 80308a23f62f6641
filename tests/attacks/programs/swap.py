# Swaps a directory of the workspace with a link that leads out of it, as fast as it can.
os.makedirs("/workspace/real", exist_ok=True)
os.makedirs("/tmp/outside", exist_ok=True)
write("/tmp/outside/secret", b"outside")
write("/workspace/real/secret", b"inside")
os.makedirs("/workspace/target")
write("/workspace/target/secret", b"inside")
os.symlink("/tmp/outside", "/workspace/link")
print("begin", flush=True)
EXCHANGE = 2


def exchange():
    if libc.renameat2(-100, b"/workspace/target", -100, b"/workspace/link", EXCHANGE) != 0:
        os.rename("/workspace/target", "/workspace/spare")
        os.rename("/workspace/link", "/workspace/target")
        os.rename("/workspace/spare", "/workspace/link")


end = time.monotonic() + 120
while time.monotonic() < end and not os.path.exists("/workspace/stop"):
    for _ in range(100):
        exchange()
