"""Children that run Python too: their command lines are changed so that they start under a helper of their own.

Changed is what is handed to the kernel, not what the program sees: its lists stay as they are. What is not the same
interpreter, what reads its program from elsewhere, and what a shell starts runs as it is.
"""

import _posixsubprocess
import os
import posix
import posixpath
import sys

from .places import HOME

# Options of the interpreter that take a value of their own.
VALUED = "WX"
# Processes of multiprocessing's own, which nobody wants to look into; one of them forks those of the program.
SERVANTS = ("from multiprocessing.resource_tracker", "from multiprocessing.forkserver")


def split(args):
    """Takes the interpreter's arguments apart: (its options, kind of program, program, the program's arguments).

    None when there is no program in them.
    """
    index = 0
    while index < len(args):
        word = args[index]
        if word == "--check-hash-based-pycs":
            index += 2
            continue
        if word == "-" or word.startswith("--") or word == "":
            return None
        if not word.startswith("-"):
            return args[:index], "file", word, args[index + 1 :]
        for place, letter in enumerate(word[1:], 1):
            rest = word[place + 1 :]
            if letter in "cm":
                kept = list(args[:index]) + ([word[:place]] if place > 1 else [])
                if not rest:
                    index += 1
                    if index >= len(args):
                        return None
                    rest = args[index]
                return kept, "inline" if letter == "c" else "module", rest, args[index + 1 :]
            if letter in VALUED:
                index += 0 if rest else 1
                break
            if letter in "ihV?":
                return None
        index += 1
    return None


class Children:
    """Stands where the program starts others."""

    def __init__(self, options):
        self.options = options
        self.python = posixpath.realpath(sys.executable)
        # A process is being started: what is forked for that is no child to be debugged.
        self.spawning = False

    def install(self):
        """Begins to change what the program starts."""
        subprocess = sys.modules.get("subprocess")
        replacement = self.spawner(_posixsubprocess.fork_exec)
        _posixsubprocess.fork_exec = replacement
        if hasattr(subprocess, "_fork_exec"):
            subprocess._fork_exec = replacement
        for name in ("execv", "execve", "posix_spawn", "posix_spawnp"):
            original = getattr(posix, name, None)
            if original is not None:
                changed = self.executor(original, name)
                setattr(posix, name, changed)
                setattr(os, name, changed)

    def spawner(self, original):
        """What subprocess and multiprocessing call."""

        def fork_exec(args, executables, *others):
            args = self.changed(self.first(executables), args)
            self.spawning = True
            try:
                return original(args, executables, *others)
            finally:
                self.spawning = False

        return fork_exec

    def executor(self, original, name):
        """What stands for a function of os that takes a path and arguments."""

        def start(path, argv, *others, **keywords):
            found = path
            if name == "posix_spawnp" and isinstance(path, (str, bytes)) and b"/" not in os.fsencode(path):
                found = self.first([posixpath.join(each, os.fsdecode(path)) for each in os.get_exec_path()])
            return original(path, self.changed(found, argv), *others, **keywords)

        start.__name__ = start.__qualname__ = name
        start.__doc__ = original.__doc__
        start.__module__ = "posix"
        return start

    @staticmethod
    def first(executables):
        """The one of several paths that the kernel would take."""
        for each in executables:
            if posixpath.exists(each):
                return each
        return None

    def changed(self, executable, argv):
        """The arguments that start the same under a helper, or those given when that can't be."""
        try:
            if executable is None or posixpath.realpath(os.fsdecode(executable)) != self.python:
                return argv
            words = [os.fsdecode(each) for each in argv]
            found = split(words[1:])
            if found is None or found[1] == "file" and posixpath.realpath(found[2]).startswith(HOME):
                return argv
        except Exception:
            return argv
        interpreter, kind, target, args = found
        ours = [HOME + "__main__.py", "--child", "--children", self.options.children]
        for path in self.options.user_code:
            ours += ["--user-code", path]
        if kind == "inline" and target.startswith(SERVANTS):
            ours.append("--servant")
        return [*words[:1], *interpreter, *ours, "--" + kind, target, "--", *args]
