"""Registries of pip, npm and gem for tests, with packages that they make themselves. Prints its port.

With --user NAME:PASSWORD it answers nobody else. With --false no file is what the index says, until somebody asks for /true. With --at HOST the files of pip are at
that host, by another name of this one. With --tls FILE it has the certificate and key of that. Gems are there where Ruby is.
/asked tells the files that were asked for, and whoever asks for the index of `wait` waits until somebody asks for /go.
npm's documents are as old as can be, and who asks for /release makes another version of `small`.
"""
import argparse
import base64
import hashlib
import http.server
import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile


def wheel(name, version, requires=""):
    """A package of Python that says its name."""
    out = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{name}.py", f"NAME = '{name} {version}'\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return out.getvalue()


def tarball(name, version):
    """A package of Node that says its name, and has a script that would leave a file."""
    out = io.BytesIO()
    manifest = {"name": name, "version": version, "main": "index.js", "scripts": {"postinstall": "touch /workspace/ran"}}
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, text in [("package.json", json.dumps(manifest)), ("index.js", f"module.exports = '{name} {version}'\n")]:
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


WHEELS = {
    "tiny-1.0-py3-none-any.whl": wheel("tiny", "1.0"),
    "tiny-2.0-py3-none-any.whl": wheel("tiny", "2.0"),
    "needy-1.0-py3-none-any.whl": wheel("needy", "1.0", "Requires-Dist: tiny<2\n"),
}
TARBALLS = {version: tarball("small", version) for version in ["1.2.3", "1.3.0"]}
RELEASED = ["1.2.3"]


parser = argparse.ArgumentParser()
for option in ["--user", "--at", "--tls"]:
    parser.add_argument(option)
parser.add_argument("--false", action="store_true")
ARGS = vars(parser.parse_args())
USER = base64.b64encode(ARGS["user"].encode()).decode() if ARGS["user"] else None
ASKED = []
GO = threading.Event()
GEMS = tempfile.TemporaryDirectory()
if shutil.which("ruby"):
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run(["ruby", os.path.join(here, "gems.rb"), GEMS.name], check=True, stdout=subprocess.DEVNULL)


class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0].strip("/")
        if USER and self.headers["Authorization"] != f"Basic {USER}":
            return self.send_error(401)
        if path == "asked":
            return self.answer(json.dumps(ASKED).encode(), "application/json")
        if path == "go":
            GO.set()
            return self.answer(b"", "text/plain")
        if path == "true":
            ARGS["false"] = False
            return self.answer(b"", "text/plain")
        if path == "release":
            RELEASED.append("1.3.0")
            return self.answer(b"", "text/plain")
        if path == "simple/wait":
            GO.wait(30)
        if path.endswith((".whl", ".tgz", ".gem")):
            ASKED.append(path)
        if path.startswith("files/") and path[6:] in WHEELS:
            return self.answer(WHEELS[path[6:]], "application/octet-stream")
        if path.startswith("simple/"):
            name = path.split("/")[1]
            at = f"http://{ARGS['at']}:{server.server_port}" if ARGS["at"] else ""
            links = [
                f'<a href="{at}/files/{file}#sha256={hashlib.sha256(data).hexdigest()}">{file}</a>'
                for file, data in WHEELS.items()
                if file.startswith(f"{name}-")
            ]
            if links:
                return self.answer("".join(links).encode(), "text/html")
        file = os.path.join(GEMS.name, path)
        if ".." not in path and os.path.isfile(file):
            with open(file, "rb") as opened:
                return self.answer(opened.read(), "application/octet-stream")
        if path.replace("%2f", "/").replace("%2F", "/") in ("small", "@corp/small"):
            name = "@corp/small" if "corp" in path else "small"
            at = f"{'https' if ARGS['tls'] else 'http'}://{self.headers['Host']}"
            versions = {}
            for version in RELEASED:
                digest = "sha512-" + base64.b64encode(hashlib.sha512(TARBALLS[version]).digest()).decode()
                dist = {"tarball": f"{at}/small/-/small-{version}.tgz", "integrity": digest}
                versions[version] = {"name": name, "version": version, "dist": dist, "hasInstallScript": True}
            document = {"name": name, "dist-tags": {"latest": RELEASED[-1]}, "versions": versions}
            return self.answer(json.dumps(document).encode(), "application/json", "Thu, 01 Jan 2004 00:00:00 GMT")
        version = path.removeprefix("small/-/small-").removesuffix(".tgz")
        if version in TARBALLS and path == f"small/-/small-{version}.tgz":
            return self.answer(TARBALLS[version], "application/octet-stream")
        self.send_error(404)

    do_HEAD = do_GET

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/advisories/bulk"):
            advisory = {"id": 1, "url": "https://advisories.example/1", "title": "It is too small", "severity": "high",
                        "vulnerable_versions": "<2", "cwe": [], "cvss": {"score": 0}}
            return self.answer(json.dumps({"small": [advisory]}).encode(), "application/json")
        self.send_error(404)

    def answer(self, data, kind, modified=None):
        if ARGS["false"] and self.path.endswith((".whl", ".tgz", ".gem")):
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if self.path.endswith((".whl", ".tgz", ".gem")):
            # It says nothing, and some send it.
            self.send_header("Content-Encoding", "identity")
        if modified:
            self.send_header("Last-Modified", modified)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
if ARGS["tls"]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ARGS["tls"])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
# With the test goes its end of the pipe.
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
