"""A stand-in of a Hugging Face hub on the loopback: repositories, commits, large files, downloads."""

import base64
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.ThreadingHTTPServer):
    """Keeps files in memory: `files[repository][name]`; large ones arrive apart from the commit that names them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, dict[str, bytes]] = {}
        self.large: dict[str, bytes] = {}
        self.private: dict[str, bool] = {}
        self.refuses = False
        self.said_size: int | None = None
        self.manners = "fine"
        self.storage = ""
        self.tokens: list[str | None] = []
        self.stalling = threading.Event()
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Keep quiet."""

    def handle(self):
        """Answer requests until the client hangs up, which is part of the tests."""
        with suppress(ConnectionError):
            super().handle()

    def answer(self, content=b"", *, status=200, head=False, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(headers.pop("size", None) or len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if not head:
            self.wfile.write(content)

    def answer_json(self, value, *, status=200):
        self.answer(json.dumps(value).encode(), status=status, Content_Type="application/json")

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def do_HEAD(self):
        self.send_file(head=True)

    def do_GET(self):
        self.send_file(head=False)

    def do_PUT(self):
        content = self.body()
        self.server.large[hashlib.sha256(content).hexdigest()] = content
        self.answer()

    def do_POST(self):
        hub, path, content = self.server, urlsplit(self.path).path, self.body()
        hub.asked.append(f"POST {path}")
        if self.server.refuses:
            self.answer_json({"error": "not yours"}, status=403)
        elif path == "/api/validate-yaml":
            self.answer_json({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            wish = json.loads(content)
            name = f"{wish['organization']}/{wish['name']}" if wish.get("organization") else wish["name"]
            hub.files.setdefault(name, {})
            hub.private[name] = wish.get("visibility") == "private" or wish.get("private") is True
            self.answer_json({"url": f"{hub.address}/{name}"})
        elif path.endswith("/info/lfs/objects/batch"):
            actions = {"upload": {"href": f"{hub.address}/upload"}}
            objects = [{**thing, "actions": actions} for thing in json.loads(content)["objects"]]
            self.answer_json({"transfer": "basic", "objects": objects})
        elif "/preupload/" in path:
            modes = [
                {"path": file["path"], "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular"}
                for file in json.loads(content)["files"]
            ]
            self.answer_json({"files": [{**mode, "shouldIgnore": False} for mode in modes]})
        elif "/commit/" in path:
            self.commit(path.removeprefix("/api/models/").partition("/commit/")[0], content)
        else:
            self.answer_json({"error": "no such thing"}, status=404)

    def commit(self, repository, content):
        hub = self.server
        for line in map(json.loads, content.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                hub.files[repository][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                hub.files[repository][value["path"]] = hub.large[value["oid"]]
        self.answer_json({"commitUrl": f"{hub.address}/{repository}/commit/{COMMIT}", "commitOid": COMMIT})

    def send_file(self, *, head):
        hub, path = self.server, urlsplit(self.path).path
        hub.asked.append(f"{self.command} {path}")
        repository, _, rest = path.strip("/").partition("/resolve/")
        content = hub.files.get(repository, {}).get(rest.partition("/")[2])
        if content is None:
            code = "EntryNotFound" if repository in hub.files else "RepoNotFound"
            self.answer(b"", status=404, head=head, X_Error_Code=code, X_Error_Message="not there")
            return
        etag = f'"{_etag(rest, content)}"'
        size = hub.said_size if head else None
        hub.tokens.append(self.headers.get("Authorization"))
        if hub.storage:  # another host, as for all large files of the public hub
            linked = {"X_Linked_ETag": etag, "X_Linked_Size": str(len(content))}
            self.answer(status=302, head=head, Location=f"{hub.storage}{path}", X_Repo_Commit=COMMIT, **linked)
            return
        if not head and hub.manners == "lies":
            content = content[:-8] + bytes(8)
        if head or hub.manners in ("fine", "lies"):
            self.answer(content, head=head, size=size, ETag=etag, X_Repo_Commit=COMMIT)
            return
        self.answer(head=True, size=1 << 50 if hub.manners == "endless" else len(content), ETag=etag)
        if hub.manners == "cuts off":
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        while hub.manners in ("endless", "drips"):
            self.wfile.write(bytes(2**20) if hub.manners == "endless" else b"x")
            if hub.stalling.wait(0 if hub.manners == "endless" else 0.02):
                return


def _etag(name: str, content: bytes) -> str:
    """Sha256 of a large file, or git's name of a small one, as `git hash-object` prints it."""
    if name.endswith(".safetensors"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """An empty hub."""
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.stalling.set()
            hub.shutdown()
            thread.join()
