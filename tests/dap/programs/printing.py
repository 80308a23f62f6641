import sys

print("to the one")
print("to the other", file=sys.stderr)
sys.exit(3)
