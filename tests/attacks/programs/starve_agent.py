# Takes shares of the machine away from PID 1, in ways that leave it able to go on.
import resource

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
attempt("limit", lambda: resource.prlimit(1, resource.RLIMIT_CORE, (0, 0)))
attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, 1, 1))
# What a program may always do to itself.
resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
os.setpriority(os.PRIO_PROCESS, 0, 1)
