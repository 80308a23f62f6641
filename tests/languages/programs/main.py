import os
import socket
import subprocess
import sys


def boom():
    raise ValueError("it broke")  # here


mode, rest = sys.argv[1], sys.argv[2:]
if mode == "hello":
    print("hello ä€😀")
elif mode == "args":
    for arg in rest:
        print(f"[{arg}]")
elif mode == "cat":
    sys.stdout.write(sys.stdin.read())
elif mode == "env":
    print(f"[{os.environ['WORD']}]")
elif mode == "memory":
    print("filling")
    kept = []
    while True:
        kept.append(b"x" * (8 << 20))
elif mode == "exit":
    sys.exit(3)
elif mode == "stderr":
    print("out")
    print("err", file=sys.stderr)
elif mode == "crash":
    boom()
elif mode == "loop":
    print("looping")
    while True:
        pass
elif mode == "child":
    subprocess.Popen(["sleep", "6021"], start_new_session=True, stdout=subprocess.DEVNULL)
    print("begun")
elif mode == "mebibyte":
    for number in range(16384):
        print(f"{number:063}")
elif mode == "files":
    with open("in.txt") as file:
        text = file.read()
    with open("out.txt", "w") as file:
        file.write(text + "!")
elif mode == "net":
    try:
        socket.create_connection(("192.0.2.1", 80), 5)
        print("connected")
    except OSError:
        print("no network")
