# Links and renames that would bring what is outside into the workspace, or put the workspace elsewhere.
def link(source):
    return lambda: os.link(source, "/workspace/planted", follow_symlinks=False)


def rename(source, target):
    return lambda: os.rename(source, target)


attempt("hard link to a program", link("/usr/bin/env"))
attempt("hard link to configuration", link("/etc/passwd"))
attempt("hard link to the canary", link(host["canary"]))
attempt("hard link to the agent", link("/proc/1/exe"))
attempt("hard link to a device", link("/dev/null"))
attempt("hard link by descriptor", lambda: syscall(265, os.open("/usr/bin/env", 0), b"", -100, b"/workspace/planted", 0x1000))
attempt("rename the workspace", rename("/workspace", "/planted-workspace"))
attempt("rename over the workspace", rename("/tmp", "/workspace"))
attempt("rename /proc/sys", rename("/proc/sys", "/proc/planted"))
attempt("remove the workspace", lambda: os.rmdir("/workspace"))
attempt("replace a directory of the root", rename("/etc", "/planted-etc"))
attempt("a file in the root", lambda: write("/planted"))
attempt("a link in the root", lambda: os.symlink("/", "/planted-link"))
attempt("a program changed", lambda: write("/usr/bin/env", mode="ab"))
attempt("passwd changed", lambda: write("/etc/passwd", mode="ab"))
attempt("code changed", lambda: write("/run/codebeaker/planted"))
attempt("mode of the root", lambda: os.chmod("/", 0o777))
attempt("mode of a device", lambda: os.chmod("/dev/null", 0))
attempt("times of a device", lambda: os.utime("/dev/null", (0, 0)))
