"""A server that speaks as much of vLLM's API as the guides ask for; each port in the arguments."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def scored(self, index, ids):
        """Of each token but the first: itself at 0.5, and token 1 at 0.25."""
        of = lambda id_: {id_: {"logprob": -0.6931472, "rank": 1}, 1: {"logprob": -1.3862944, "rank": 2}}
        told = [None, *(of(id_) for id_ in ids[1:])]
        return {"index": index, "text": "!", "finish_reason": "length", "prompt_logprobs": told}

    def do_GET(self):
        models = {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "x"}]}
        self.send("application/json", json.dumps(models).encode())

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/tokenize"):
            return self.send("application/json", b'{"count": 7, "max_model_len": 8192}')
        base = {"id": "c", "created": 1, "model": asked["model"]}
        if "prompt_logprobs" in asked:
            choices = [self.scored(*prompt) for prompt in enumerate(asked["prompt"])]
            answer = base | {"object": "text_completion", "choices": choices, "usage": USAGE}
            return self.send("application/json", json.dumps(answer).encode())
        if not asked.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}
            answer = base | {"object": "chat.completion", "choices": [choice], "usage": USAGE}
            return self.send("application/json", json.dumps(answer).encode())
        chunk = base | {"object": "chat.completion.chunk"}
        delta = {"index": 0, "delta": {"content": "Hello."}, "finish_reason": "stop"}
        events = [chunk | {"choices": [delta]}, chunk | {"choices": [], "usage": USAGE}]
        lines = [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"]
        self.send("text/event-stream", "".join(lines).encode())


for port in sys.argv[1:]:
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    threading.Thread(target=server.serve_forever).start()
