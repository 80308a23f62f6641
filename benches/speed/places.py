"""Measures docker-py and llm-sandbox: a line on standard input asks for a sample, a number answers.

A line names the client and what is measured: `docker-py create`. The engine is that of DOCKER_HOST, the image
that of the only argument. Containers that live on are removed at the end of the input.
"""

import io
import os
import sys
import tarfile
import tempfile
import time

import docker

IMAGE = sys.argv[1]
LABELS = {"codebeaker.bench": str(os.getpid())}
STREAM_BYTES = 100 << 20
CHUNKS = f"""import sys
text = ((b'x' * 79 + b'\\n') * 820)[:65536]
for _ in range({STREAM_BYTES // 65536}): sys.stdout.buffer.write(text)
"""
SIZES = {"small": 1 << 10, "large": 1 << 20}
IDLE = ["sleep", "3600"]

engine = docker.from_env(timeout=120)
kept = {}


def milliseconds(began):
    return (time.perf_counter() - began) * 1e3


def remove(container):
    container.remove(force=True)


class DockerPy:
    """One container that lives on, and `exec` in it."""

    def open(self):
        return engine.containers.run(IMAGE, IDLE, detach=True, network_mode="none", labels=LABELS)

    def live(self):
        if self not in kept:
            kept[self] = self.open()
        return kept[self]

    def execute(self, container, argv):
        code, output = container.exec_run(argv)
        assert code == 0, output
        return output

    def create(self):
        began = time.perf_counter()
        container = self.open()
        assert self.execute(container, ["/bin/echo", "first"]) == b"first\n"
        taken = milliseconds(began)
        remove(container)
        return taken

    def first(self):
        container = self.open()
        began = time.perf_counter()
        self.execute(container, ["/bin/true"])
        taken = milliseconds(began)
        remove(container)
        return taken

    def run(self, argv):
        container = self.live()
        began = time.perf_counter()
        self.execute(container, argv)
        return milliseconds(began)

    def file(self, size):
        container = self.live()
        text = b"0123456789abcde\n" * (size // 16)
        began = time.perf_counter()
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("file.txt")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
        assert container.put_archive("/tmp", archive.getvalue())
        pieces, _ = container.get_archive("/tmp/file.txt")
        with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
            assert len(tar.extractfile("file.txt").read()) == size
        return milliseconds(began)

    def stream(self):
        container = self.live()
        began = time.perf_counter()
        _, pieces = container.exec_run(["python3", "-c", CHUNKS], stream=True)
        total = sum(len(piece) for piece in pieces)
        taken = time.perf_counter() - began
        assert total >= STREAM_BYTES, total
        return total / taken / 1e6


class LlmSandbox:
    """One session that lives on. Its environment, which is made by pip, is left out."""

    def __init__(self):
        self.pool = None

    def open(self):
        from llm_sandbox import SandboxSession

        configs = {"command": IDLE, "network_mode": "none", "labels": LABELS, "tty": False}
        session = SandboxSession(
            client=engine,
            lang="python",
            image=IMAGE,
            keep_template=True,
            skip_environment_setup=True,
            runtime_configs=configs,
        )
        session.open()
        return session

    def close(self, session):
        # By itself it would wait ten seconds for a program that minds no signal.
        session.container.kill()
        session.close()

    def live(self):
        if self not in kept:
            kept[self] = self.open()
        return kept[self]

    def execute(self, session, command):
        output = session.execute_command(command)
        assert output.exit_code == 0, output
        return output.stdout

    def create(self):
        began = time.perf_counter()
        session = self.open()
        assert self.execute(session, "/bin/echo first") == "first\n"
        taken = milliseconds(began)
        self.close(session)
        return taken

    def first(self):
        session = self.open()
        began = time.perf_counter()
        self.execute(session, "/bin/true")
        taken = milliseconds(began)
        self.close(session)
        return taken

    def run(self, argv):
        session = self.live()
        command = " ".join(argv[:-1] + [f"'{argv[-1]}'"])
        began = time.perf_counter()
        self.execute(session, command)
        return milliseconds(began)

    def file(self, size):
        session = self.live()
        with tempfile.TemporaryDirectory(prefix="codebeaker-bench-") as directory:
            there, back = os.path.join(directory, "file.txt"), os.path.join(directory, "back.txt")
            with open(there, "wb") as out:
                out.write(b"0123456789abcde\n" * (size // 16))
            began = time.perf_counter()
            session.copy_to_runtime(there, "/tmp/file.txt")
            session.copy_from_runtime("/tmp/file.txt", back)
            taken = milliseconds(began)
            assert os.path.getsize(back) == size
        return taken

    def stream(self):
        session = self.live()
        total = 0

        def count(piece):
            nonlocal total
            total += len(piece)

        with tempfile.TemporaryDirectory(prefix="codebeaker-bench-") as directory:
            script = os.path.join(directory, "print.py")
            with open(script, "w") as out:
                out.write(CHUNKS)
            session.copy_to_runtime(script, "/tmp/print.py")
        began = time.perf_counter()
        output = session.execute_command("python3 /tmp/print.py", on_stdout=count)
        taken = time.perf_counter() - began
        assert output.exit_code == 0 and total >= STREAM_BYTES, (output.exit_code, total)
        return total / taken / 1e6

    def warm(self):
        from llm_sandbox.pool import PoolConfig, PooledSandboxSession, create_pool_manager

        if self.pool is None:
            configs = {"command": IDLE, "network_mode": "none", "labels": LABELS, "tty": False}
            config = PoolConfig(min_pool_size=1, max_pool_size=2)
            self.pool = create_pool_manager(
                backend="docker",
                config=config,
                lang="python",
                image=IMAGE,
                client=engine,
                skip_environment_setup=True,
                runtime_configs=configs,
            )
        began = time.perf_counter()
        session = PooledSandboxSession(pool_manager=self.pool)
        session.open()
        assert session.execute_command("/bin/echo first").stdout == "first\n"
        taken = milliseconds(began)
        session.close()
        return taken


CLIENTS = {"docker-py": DockerPy(), "llm-sandbox": LlmSandbox()}


def sample(client, what):
    client = CLIENTS[client]
    match what:
        case "true":
            return client.run(["/bin/true"])
        case "python":
            return client.run(["python3", "-c", "pass"])
        case "small" | "large":
            return client.file(SIZES[what])
        case _:
            return getattr(client, what)()


try:
    for line in sys.stdin:
        try:
            print(sample(*line.split()), flush=True)
        except Exception as error:
            print(f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
finally:
    filters = {"label": [f"{key}={value}" for key, value in LABELS.items()]}
    for container in engine.containers.list(all=True, filters=filters):
        remove(container)
    # The pool has threads that would go on.
    os._exit(0)
