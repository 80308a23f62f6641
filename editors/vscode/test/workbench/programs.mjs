// The programs that flows run.

export const files = {
  "greet.py": `import sys

print("\\x1b[1;35mcolour\\x1b[0m", sys.stdin.isatty())
name = input("name? ")
print("hello", name)
`,
  "fails.py": `def inner(divisor):
    return 1 / divisor


def outer():
    return inner(0)


outer()
`,
  "steps.py": `total = 0
for number in range(3):
    total += number
print("total", total)
`,
  "parent.py": `import subprocess, sys

print("parent begins", flush=True)
subprocess.run([sys.executable, "child.py"], check=True)
print("parent ends")
`,
  "child.py": `word = "from the child"
print(word)
`,
  "forever.py": `import time

print("going", flush=True)
while True:
    time.sleep(0.2)
`,
  "writes.py": `import pathlib, sys

print("arguments", sys.argv[1:])

pathlib.Path("made.txt").write_text("made in the sandbox\\n")
print("wrote", pathlib.Path("made.txt").read_text())
`,
  "hello.c": `#include <stdio.h>

int main(void) {
    puts("hello from c");
    return 0;
}
`,
};

export const reach = `import urllib.error, urllib.request

try:
    urllib.request.urlopen("http://nowhere.invalid/", timeout=60)
except urllib.error.HTTPError as error:
    print("answer", error.code, error.read().decode())
`;
