"""Forks: a child that code of the user's makes is nobody's context.

It never speaks on the channel and writes no marks. It runs to the end of the code that it was made in, and ends then
as a program does.
"""

import os


def install(session):
    """Sees to it that children know what they are."""

    def forked():
        session.forked = True
        session.channel.abandon()
        for each in session.streams.outputs:
            if each.descriptor is not None:
                os.close(each.descriptor)
                each.descriptor = None

    os.register_at_fork(after_in_child=forked)
