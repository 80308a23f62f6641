import subprocess
import sys


def work(number):
    number = number * 2
    return number


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print("child", work(int(sys.argv[1])), flush=True)
    else:
        subprocess.run([sys.executable, __file__, "20"], check=True)
        print("parent")
