# Plants links in the workspace that lead out of it, each under the name of what it leads to.
os.makedirs("/tmp/outside", exist_ok=True)
write("/tmp/outside/secret", b"outside\n")
write("/tmp/outside/victim", b"untouched")
targets = {
    "file": "/tmp/outside/secret",
    "relative": "../tmp/outside/secret",
    "victim": "/tmp/outside/victim",
    "passwd": "/etc/passwd",
    "environ": "/proc/1/environ",
    "own-root": "/proc/self/root/tmp/outside/secret",
    "parent-root": "/proc/1/root/tmp/outside/secret",
    "zero": "/dev/zero",
    "canary": host["canary"],
    "dangling": "/tmp/outside/new",
    "loop": "loop",
}
for name, target in targets.items():
    os.symlink(target, f"/workspace/{name}")
directories = {"directory": "/tmp/outside", "up": "..", "top": "/", "cwd": "/proc/self/cwd", "descriptors": "/proc/self/fd"}
for name, target in directories.items():
    os.symlink(target, f"/workspace/{name}")
os.makedirs("/workspace/inside/deep")
write("/workspace/inside/file", b"inside")
os.symlink("../inside/file", "/workspace/inside/deep/fine")
os.symlink("inside/file", "/workspace/fine")
say("planted", "worked", len(targets) + len(directories))
