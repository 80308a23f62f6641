# Reaches for the agent where it lies, and for the engine that made the container.
def asked(path):
    def action():
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(3)
            stream.connect(path)
            stream.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return must(stream.recv(100))
    return action


attempt("the engine's socket", asked(host["engine"]))
attempt("the engine's socket where it often is", asked("/run/docker.sock"))
if os.path.exists("/.codebeaker"):
    attempt("change the agent", lambda: write("/.codebeaker/agent", mode="r+b"))
    attempt("truncate the agent", lambda: os.truncate("/.codebeaker/agent", 0))
    attempt("remove the agent", lambda: os.unlink("/.codebeaker/agent"))
    attempt("replace the agent", lambda: os.rename("/workspace", "/.codebeaker/agent"))
    attempt("plant beside it", lambda: write("/.codebeaker/planted"))
    attempt("change its mode", lambda: os.chmod("/.codebeaker/agent", 0o777))
    attempt("change it as PID 1 has it", lambda: write("/proc/1/exe", mode="r+b"))
