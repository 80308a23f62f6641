# Changes more, and faster, than anybody can be told.
import time

os.chdir("/workspace")
until = time.monotonic() + 3
rounds = 0
while time.monotonic() < until:
    for number in range(200):
        name = f"{rounds}-{number}"
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        os.rename(name, "n" * 200 + name)
        os.unlink("n" * 200 + name)
    os.mkdir(f"d{rounds % 40}") if rounds < 40 else os.utime(f"d{rounds % 40}")
    rounds += 1
write("last", b"")
say("changes", "flooded", rounds)
