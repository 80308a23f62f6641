"""The helper's own arguments, which end at `--`; the program's follow."""

import posixpath
import sys

from .places import HOME

KINDS = ("module", "file", "code", "inline")


class Options:
    """What the helper was told."""

    def __init__(self):
        self.kind = None
        # A path, a module's name or a text.
        self.target = None
        self.args = []
        self.stop_on_entry = False
        self.user_code = []
        # The FIFO that children are announced in.
        self.children = None
        self.attachable = False
        # Where adapters come in while the program runs; there is no descriptor to speak through before that.
        self.door = None
        self.settrace = False
        # It is a child, which has no descriptor to speak through and has to be met.
        self.child = False
        # It is a process of the library's own, which only its own children are debugged of.
        self.servant = False

    def name(self):
        """What the program goes by among others."""
        return "python -c" if self.kind == "inline" else posixpath.basename(self.target)


def parse(args):
    """Reads the arguments; ends the process when they make no sense, as only the adapter writes them."""
    options, left = Options(), list(args)
    while left:
        word = left.pop(0)
        if word == "--":
            options.args = left
            break
        name = word[2:].replace("-", "_")
        if name in KINDS and left:
            options.kind, options.target = name, left.pop(0)
        elif name == "user_code" and left:
            options.user_code.append(left.pop(0))
        elif name == "children" and left:
            options.children = left.pop(0)
        elif name == "door" and left:
            options.door, options.attachable = left.pop(0), True
        elif name in ("stop_on_entry", "attachable", "settrace", "child", "servant"):
            setattr(options, name, True)
        else:
            sys.exit("codebeaker_debug: unknown option " + word)
    if options.kind is None:
        sys.exit("codebeaker_debug: no program")
    if options.kind == "code":
        options.target = posixpath.join(posixpath.dirname(HOME.rstrip("/")), options.target)
    return options
