# What other processes there are in the sandbox, beside PID 1, this one and what supervises it.
kept = {1, os.getpid(), os.getppid()}
states = []
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in kept:
        try:
            stat = read(f"/proc/{name}/stat").decode()
        except OSError:
            continue
        if stat.rpartition(")")[2].split()[1] != "0":
            states.append(stat[:60])
say("others", "worked", len(states))
say("zombies", "worked", sum(1 for stat in states if stat.rpartition(")")[2].split()[0] == "Z"))
print(states)
