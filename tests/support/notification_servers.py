"""
Real servers on loopback that notifications are sent to: HTTP with and without TLS, SMTP with STARTTLS.

Not here: what a test expects of them.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Request:
    """
    One request as it came in.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpStub:
    """
    Answers with ``answers`` one after the other, then with 200; keeps what it was asked.
    """

    port: int = 0
    answers: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    scheme: str = "http"

    def url(self, path: str = "/") -> str:
        """
        Return the address of *path* here.
        """
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"


@dataclass(frozen=True)
class Certificate:
    """
    A self-signed certificate for localhost and 127.0.0.1, as files.
    """

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """
        Return the server's side of TLS.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificate(folder: Path) -> Certificate:
    """
    Make a certificate that is valid today.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(folder / "stub.crt", folder / "stub.key")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@contextmanager
def http_stub(answers: list[int] | None = None, tls: Certificate | None = None) -> Iterator[HttpStub]:
    """
    Yield a running HTTP server.
    """
    stub = HttpStub(answers=list(answers or []), scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            stub.connections += 1
            super().setup()

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            stub.requests.append(Request(self.command, self.path, dict(self.headers), body))
            self.send_response(stub.answers.pop(0) if stub.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self._take()

        def do_POST(self) -> None:
            self._take()

        def do_HEAD(self) -> None:
            self._take()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that distrusts the certificate goes away; that is what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.context().wrap_socket(server.socket, server_side=True)
    stub.port = server.server_address[1]
    with _running(server):
        yield stub


@dataclass
class SmtpStub:
    """
    A mail server that keeps mails; ``verbs`` is what was said to it, in order.
    """

    port: int = 0
    offers_starttls: bool = True
    login: tuple[str, str] | None = None
    refused: set[str] = field(default_factory=set)
    mails: list[str] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)


@contextmanager
def smtp_stub(tls: Certificate, **options: object) -> Iterator[SmtpStub]:
    """
    Yield a running mail server with STARTTLS and AUTH PLAIN.
    """
    stub = SmtpStub(**options)  # type: ignore[arg-type]

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """As above."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            _Session(stub, tls, self).run()

    server = Server(("127.0.0.1", 0), Handler)
    stub.port = server.server_address[1]
    with _running(server):
        yield stub


class _Session:
    def __init__(self, stub: SmtpStub, tls: Certificate, handler: socketserver.StreamRequestHandler) -> None:
        self.stub, self.tls, self.secure = stub, tls, False
        self.socket = handler.connection
        self.file = self.socket.makefile("rb")

    def say(self, text: str) -> None:
        self.socket.sendall(f"{text}\r\n".encode())

    def run(self) -> None:
        self.say("220 stub")
        while line := self.file.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            self.stub.verbs.append(verb.upper())
            if not self.answer(verb.upper(), rest):
                return

    def answer(self, verb: str, rest: str) -> bool:
        match verb:
            case "EHLO":
                offers = ["250-stub"]
                offers += ["250-STARTTLS"] if self.stub.offers_starttls and not self.secure else []
                offers += ["250-AUTH PLAIN"] if self.stub.login else []
                self.say("\r\n".join([*offers, "250 8BITMIME"]))
            case "STARTTLS":
                self.say("220 go on")
                self.socket = self.tls.context().wrap_socket(self.socket, server_side=True)
                self.file, self.secure = self.socket.makefile("rb"), True
            case "AUTH":
                _, user, password = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")
                good = (user, password) == self.stub.login
                self.say("235 welcome" if good else f"535 wrong: {password}")
            case "RCPT":
                self.say("550 no" if any(name in rest for name in self.stub.refused) else "250 ok")
            case "DATA":
                self.say("354 go on")
                self.take_mail()
            case "QUIT":
                self.say("221 bye")
                return False
            case _:
                self.say("250 ok")
        return True

    def take_mail(self) -> None:
        lines = []
        while (line := self.file.readline().decode()) not in (".\r\n", ""):
            lines.append(line)
        self.stub.mails.append("".join(lines))
        self.stub.encrypted.append(self.secure)
        self.say("250 ok")


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
