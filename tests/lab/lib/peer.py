# SPDX-License-Identifier: LGPL-2.1-or-later
"""The other end of the guest's connections. Port 5001 takes a number of megabytes in a line and
sends as many, port 5002 takes what comes until its end and answers with one line: its SHA-256,
its size, and whether it is what went out ('as sent') or not. peer.py [MEGABYTES]: that it has."""
import hashlib
import os
import random
import socketserver
import sys
import threading

DATA = random.Random(1).randbytes(int((sys.argv[1:] or [64])[0]) << 20)


class Sender(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(memoryview(DATA)[:int(self.rfile.readline()) << 20])


class Receiver(socketserver.StreamRequestHandler):
    def handle(self):
        digest, size = hashlib.sha256(), 0
        while part := self.request.recv(1 << 20):
            digest.update(part)
            size += len(part)
        same = digest.digest() == hashlib.sha256(memoryview(DATA)[:size]).digest()
        self.wfile.write(f"{digest.hexdigest()} {size} {'as sent' if same else 'not as sent'}\n".encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


servers = [Server(("", 5001), Sender), Server(("", 5002), Receiver)]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(os.getpid(), flush=True)
servers[0].serve_forever()
