# Things that are no files: to read or write them can take for ever, or do something.
import threading

os.mkfifo("/workspace/fifo")
server = socket.socket(socket.AF_UNIX)
server.bind("/workspace/socket")
os.symlink("/dev/zero", "/workspace/zero")
os.symlink("/dev/tty", "/workspace/tty")
os.makedirs("/workspace/directory")
write("/workspace/forbidden", b"x")
os.chmod("/workspace/forbidden", 0)
with open("/workspace/huge", "wb") as file:
    file.truncate(16 << 20)
say("planted", "worked", 7)
