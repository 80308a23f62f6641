import os
import sys

print(sys.argv[1:], os.environ.get("COLOUR"))
