"""The local web server: shows each participant the next question and appends votes to their file.

It has three addresses: ``/`` (the next page; ``/?participant=TOKEN`` is an invitation), ``/begin`` and ``/vote``.
No address maps to a file, and pages load nothing from elsewhere.
"""

from __future__ import annotations

import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from bench.core.errors import BenchError, StoreError
from bench.core.files import digest
from bench.studies.user_study import page
from bench.studies.user_study.questions import QuestionImages
from bench.studies.user_study.votes import Refused, VotesFile

LOOPBACK = ("127.0.0.1", "localhost")
LARGEST_BODY = 16_384
"""Largest request in bytes: a reason of 1,000 characters of nine or twelve encoded bytes each, and other fields."""
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class StudyServer(ThreadingHTTPServer):
    """A server of one study.

    Args:
        host: address to listen on; any other than a loopback address opens the study to the network.
        port: port to listen on; 0 for a free one.
        votes: file of votes; it stays open when the server ends.
        pictures: pictures of the same study.

    Raises:
        BenchError: the address is not available.
    """

    daemon_threads = True
    request_queue_size = 128
    """Length of the queue of connections; the default of 5 is too small for a class that begins together."""

    def __init__(self, host: str, port: int, votes: VotesFile, pictures: QuestionImages) -> None:
        self.votes, self.pictures, self.host = votes, pictures, host
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise BenchError(f"cannot listen on {host}:{port}: {error}; --port 0 takes a free port") from error

    @property
    def cookie(self) -> str:
        """Name of the cookie, distinct for each study, since cookies are shared between ports."""
        return f"study-{digest([self.votes.study.checksum, str(self.votes.path)])[:12]}"

    def link(self, token: str = "") -> str:
        """Return the address of the study, or of one invitation."""
        host = socket.gethostname() if self.host in {"", "0.0.0.0"} else self.host
        return f"http://{host}:{self.server_address[1]}/{f'?participant={token}' if token else ''}"

    @property
    def is_local(self) -> bool:
        """True if the server is reachable from this machine only."""
        return self.host in LOOPBACK

    def serves(self, name: str) -> bool:
        """Return True if ``name`` is a valid host name of this server, as a protection against DNS rebinding."""
        return not self.is_local or name.partition(":")[0] in LOOPBACK

    def opening(self, invitations: int = 0) -> list[str]:
        """Create invitations, and return lines that describe the study, its address and its participants.

        Raises:
            StoreError: the file of votes cannot be written.
        """
        study, votes = self.votes.study, self.votes
        invited = [self.link(votes.add_participant(invited=True)) for _ in range(invitations)]
        return [
            f"{study.table}: {', '.join(study.methods)}",
            f"{study.questions} questions and {study.repeats} repeats a participant, of {len(study.pictures)} "
            f"pictures; votes so far: {len(votes.ballots.votes)}",
            "by invitation only; each link is for one participant" if votes.by_invitation else "open to everyone",
            *(invited or [self.link()]),
            "Ctrl-C ends",
        ]

    def run(self) -> None:
        """Serve until Ctrl-C."""
        with suppress(KeyboardInterrupt):
            self.serve_forever()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore closed connections; all other errors are shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: StudyServer
    server_version, sys_version = "study", ""
    timeout = 30  # seconds until an incomplete request is dropped

    def do_GET(self) -> None:
        self._answer(self._page)

    def do_POST(self) -> None:
        self._answer(self._form)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, since addresses may contain tokens."""

    def _answer(self, work: Callable[[], None]) -> None:
        try:
            if not self.server.serves(self.headers.get("Host", "")):
                raise Refused(421, "this server does not answer to that name")
            work()
        except Refused as refused:
            self._send(refused.status, page.refusal(str(refused)))
        except StoreError as error:
            warnings.warn(str(error), stacklevel=2)
            self._send(500, page.refusal("Your answer could not be stored and does not count"))

    def _page(self) -> None:
        path, _, query = self.path.partition("?")
        if path != "/":
            raise Refused(404, "there is no such page")
        if token := "".join(parse_qs(query).get("participant", [])):
            if self.server.votes.participant(token) is None:
                raise Refused(403, "this invitation is not known here")
            self._go_on(token)
            return
        votes, participant = self.server.votes, self._participant()
        if participant is None:
            self._send(200, page.welcome(votes.study.length, not votes.by_invitation))
        elif (showing := votes.next(participant)) is None:
            self._send(200, page.done())
        else:
            self._send(200, page.question(showing, votes.study.length, *self.server.pictures.of(showing)))

    def _form(self) -> None:
        if self.path not in {"/begin", "/vote"}:
            raise Refused(404, "there is no such page")
        if self.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise Refused(403, "this form was sent by another page")
        fields, participant = self._fields(), self._participant()
        if self.path == "/vote":
            if participant is None:
                raise Refused(403, "this participant is not known here")
            position, choice = (self._number(fields, name) for name in ("position", "choice"))
            self.server.votes.cast(
                participant, position, choice, fields.get("reason", "").replace("\r\n", "\n").strip()
            )
            self._go_on()
        elif participant is not None:
            self._go_on()
        elif self.server.votes.by_invitation:
            raise Refused(403, "this study is by invitation")
        else:
            self._go_on(self.server.votes.add_participant())

    def _participant(self) -> str | None:
        try:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
        except CookieError:
            return None
        found = cookies.get(self.server.cookie)
        return None if found is None else self.server.votes.participant(found.value)

    def _fields(self) -> dict[str, str]:
        """Return the fields of a form, each once."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refused(411, "the length of the form is not stated")
        if int(length) > LARGEST_BODY:
            raise Refused(413, f"the form is larger than {LARGEST_BODY} bytes")
        try:
            body = self.rfile.read(int(length)).decode("ascii")
            fields = parse_qs(
                body, keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=9
            )
        except ValueError as error:
            raise Refused(400, "this is not a form") from error
        if any(len(values) > 1 for values in fields.values()):
            raise Refused(400, "the form contains a field twice")
        return {name: value for name, (value,) in fields.items()}

    def _number(self, fields: dict[str, str], name: str) -> int:
        text = fields.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) < 7):
            raise Refused(400, f"the form has no {name}, or one that is no number")
        return int(text)

    def _go_on(self, token: str = "") -> None:
        """Redirect the participant to the next page, with the new token if one is given."""
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", "/")
        if token:
            self.send_header("Set-Cookie", f"{self.server.cookie}={token}; Path=/; HttpOnly; SameSite=Lax")
        self._close(b"")

    def _send(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self._close(text.encode())

    def _close(self, body: bytes) -> None:
        for name, value in SECURITY.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
