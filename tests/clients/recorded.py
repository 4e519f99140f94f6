"""An upstream whose answers are files: `answers/CASE.json`, asked for by the model's name.

Each file says in `why` what makes it canned; everything else in the tests is answered by the model
in process. Fields of a file: `whole` and `stream` (a chat answer, and its events), `after_tool` (the
same for a conversation that ends with a tool's result), `first` (a refusal given once to each user
of the model, told apart by the request's `user`), `status` and `body` (a refusal), `vectors`, and
`end`: how a stream ends that does not end well (`close`, `hang`).

What was asked is kept for the tests: GET /asked/CASE gives `{"bodies": […], "hanging": N}`.
"""

import base64
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANSWERS = Path(__file__).parent / "answers"


class Recorded(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.cases = {file.stem: json.loads(file.read_text()) for file in ANSWERS.glob("*.json")}
        self.lock = threading.Lock()
        self.asked = {name: [] for name in self.cases}
        self.hanging = {name: 0 for name in self.cases}
        self.refused_once = set()

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorded

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/v1/models":
            models = [{"id": name, "object": "model", "created": 0, "owned_by": "recorded"} for name in self.server.cases]
            return self.whole(200, {"object": "list", "data": models})
        name = self.path.removeprefix("/asked/")
        if name not in self.server.cases:
            return self.whole(404, {"error": {"message": "no such case"}})
        with self.server.lock:
            seen = {"bodies": self.server.asked[name], "hanging": self.server.hanging[name]}
        self.whole(200, seen)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = body["model"]
        case = self.server.cases[name]
        with self.server.lock:
            self.server.asked[name].append(body)
            once = (name, body.get("user"))
            first = "first" in case and once not in self.server.refused_once
            self.server.refused_once.add(once)
        if first:
            refusal = case["first"]
            return self.whole(refusal["status"], refusal["body"], refusal["headers"])
        if "status" in case:
            return self.whole(case["status"], case["body"])
        if self.path == "/v1/embeddings":
            return self.whole(200, vectors(case, body))
        if body.get("messages", [{}])[-1].get("role") == "tool":
            case = case["after_tool"]
        if body.get("stream"):
            self.stream(name, case, body)
        else:
            self.whole(200, case["whole"])

    def whole(self, status, body, headers=None):
        payload = json.dumps(body).encode()
        self.send_response(status)
        for header, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(header, value)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def stream(self, name, case, body):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        asked_usage = (body.get("stream_options") or {}).get("include_usage")
        events = [event for event in case["stream"] if event.get("choices") != [] or asked_usage]
        for event in events:
            self.chunk(f"data: {json.dumps(event)}\n\n")
        match case.get("end"):
            case None:
                self.chunk("data: [DONE]\n\n")
                self.chunk("")
            case "close":
                self.close_connection = True
            case "hang":
                self.hang(name)

    def chunk(self, text):
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
        self.wfile.flush()

    def hang(self, name):
        """Until the other side closes: a read then gives nothing."""
        with self.server.lock:
            self.server.hanging[name] += 1
        try:
            self.connection.recv(1)
        finally:
            with self.server.lock:
                self.server.hanging[name] -= 1
            self.close_connection = True


def vectors(case, body):
    count = len(body["input"]) if isinstance(body["input"], list) else 1
    data = []
    for index in range(count):
        vector = case["vectors"][index]
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    return {"object": "list", "model": body["model"], "data": data, "usage": case["usage"]}
