import time


def spin(turn):
    time.sleep(0.002)
    turn = turn + 1
    return turn


print("spinning", flush=True)
turns = 0
while True:
    turns = spin(turns)
