"""The page over real HTTP: what participants see, what is refused, and that nothing else can be had."""

import base64
import http.client
import io
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from html.parser import HTMLParser
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from bench.core.errors import BenchError, StoreError
from bench.harness.store import read_records
from bench.studies.user_study.ballots import read_ballots
from bench.studies.user_study.page import SHARP, frame
from bench.studies.user_study.questions import choose_table, open_study
from bench.studies.user_study.server import LARGEST_BODY, StudyServer

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
VOID = {"meta", "img", "input"}


class Page(HTMLParser):
    """A page that is well formed: every tag is closed in order, no id or address leads elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def pictures(self):
        return [
            np.asarray(Image.open(io.BytesIO(base64.b64decode(attrs["src"].removeprefix("data:image/png;base64,")))))
            for attrs in self.all("img")
        ]


class Browser:
    """Keeps a cookie, as a participant's browser would."""

    def __init__(self, server):
        self.server, self.cookie = server, ""

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(*self.server.server_address[:2], timeout=20)
        own = {"Cookie": self.cookie} if self.cookie else {}
        try:
            connection.request(method, path, body, own | (headers or {}))
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if given := answer.headers["Set-Cookie"]:
            self.cookie = given.split(";")[0]
        return answer, text

    def get(self, path="/"):
        return self.ask("GET", path)

    def vote(self, **fields):
        return self.ask("POST", "/vote", urlencode(fields), FORM)[0].status


@pytest.fixture
def path(tmp_path):
    return tmp_path / "votes.jsonl"


@pytest.fixture
def browser(server):
    browser = Browser(server)
    assert browser.ask("POST", "/begin", "", FORM)[0].status == 303
    return browser


def test_a_participant_goes_through_the_study(server, asked, path):
    study, pictures = asked
    browser = Browser(server)
    answer, text = browser.get()
    assert answer.status == 200
    assert "You will see 6 pictures" in Page(text).words
    answer, _ = browser.ask("POST", "/begin", "", FORM)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]
    for position in range(6):
        page = Page(browser.get()[1])
        assert f"{position + 1} of 6" in page.words
        (name,) = server.votes.ballots.participants
        target, outputs = pictures.of(study.showings(name)[position])
        for shown, stored in zip(page.pictures, [target, *outputs], strict=True):
            assert np.array_equal(shown, stored[0])
        (place,) = (attrs["value"] for attrs in page.all("input"))
        assert browser.vote(position=place, choice=position % 4, reason="sharp\r\n<&>") == 303
    assert "Thank you" in Page(browser.get()[1]).words
    votes = list(read_ballots(path).votes.values())
    assert [v.method for v in votes] == [s.order[s.position % 4] for s in study.showings(name)]
    assert {v.reason for v in votes} == {"sharp\n<&>"}


def test_colours_are_shown_as_stored(tmp_path, serve, store_record):
    for method in ("a", "b"):
        folder = store_record(tmp_path / "colour", method, channels=3)
    asked = open_study(choose_table(read_records(folder)), questions=1, repeats=0)
    with serve(tmp_path / "colour.jsonl", asked) as server:
        browser = Browser(server)
        browser.ask("POST", "/begin", "", FORM)
        target, *_ = Page(browser.get()[1]).pictures
    assert any(np.array_equal(target, t.transpose(1, 2, 0)) for t in asked[1].targets[0])


def test_only_small_pictures_are_enlarged_pixel_by_pixel():
    for side, rendering in ((SHARP - 1, "pixelated"), (SHARP, "auto")):
        assert f"image-rendering: {rendering}" in frame("", "", np.zeros((3, side, side), np.uint8))


def test_a_page_names_no_method_and_loads_nothing(browser, asked):
    answer, text = browser.get()
    page = Page(text)
    words = re.sub(r'src="data:[^"]*"', "", text)
    assert len(words) < len(text) - 5 * 50
    assert not any(title in words for title in asked[0].methods)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert not page.all("script")
    assert not page.all("link")
    assert all(attrs["alt"] for attrs in page.all("img"))
    assert not re.search(r"https?://", text)


def test_a_question_takes_one_vote_and_the_first_counts(browser, path):
    assert browser.vote(position=0, choice=1) == 303
    before = path.read_bytes()
    assert browser.vote(position=0, choice=1) == 409
    assert browser.vote(position=0, choice=2) == 409
    assert browser.vote(position=3, choice=2) == 409
    cookie = browser.cookie
    assert browser.ask("POST", "/begin", "", FORM)[0].status == 303  # no second identity for the same browser
    assert browser.cookie == cookie
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("position=0", 400),
        ("position=0&choice=x", 400),
        ("position=0&choice=-1", 400),
        ("position=0&choice=4", 400),
        ("position=0&choice=dfi", 400),
        ("position=6&choice=0", 404),
        ("position=²&choice=0", 400),
        ("position=0&choice=0&choice=1", 400),
        ("position=0&choice=0&reason=%ff", 400),
        ("position=0&choice=0&reason=" + "x" * 1001, 400),
        ("&".join(f"a{i}=0" for i in range(50)), 400),
        ('{"position": 0, "choice": 0}', 400),
        (b"\x00\xff", 400),
        (b"a" * (LARGEST_BODY + 1), 413),
    ],
)
def test_malformed_votes_are_refused(browser, path, body, status):
    before = path.read_bytes()
    answer, text = browser.ask("POST", "/vote", body.encode() if isinstance(body, str) else body, FORM)
    assert answer.status == status
    assert "Not accepted" in Page(text).words
    assert path.read_bytes() == before
    assert browser.vote(position=0, choice=0) == 303


def test_a_long_reason_in_any_script_fits(browser, path):
    reason = "\U0001f600" * 1000
    assert browser.vote(position=0, choice=0, reason=reason) == 303
    assert next(iter(read_ballots(path).votes.values())).reason == reason


def test_votes_of_strangers_are_refused(server, path):
    browser = Browser(server)
    before = path.read_bytes()
    for cookie in ("", f"{server.cookie}=forged", "a=b; =;;\x01", f"{server.cookie}="):
        browser.cookie = cookie
        assert browser.vote(position=0, choice=0) == 403, cookie
    assert browser.ask("POST", "/vote", None, {"Content-Length": "x"})[0].status == 411
    assert path.read_bytes() == before


def test_pages_elsewhere_cannot_vote(browser, path):
    body = urlencode({"position": 0, "choice": 0})
    assert browser.ask("POST", "/vote", body, FORM | {"Sec-Fetch-Site": "cross-site"})[0].status == 403
    assert browser.ask("POST", "/vote", body, FORM | {"Host": "elsewhere.example"})[0].status == 421
    assert browser.ask("POST", "/vote", body, FORM | {"Sec-Fetch-Site": "same-origin"})[0].status == 303


@pytest.mark.parametrize(
    "address",
    [
        "/votes.jsonl",
        "/../votes.jsonl",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2fvotes.jsonl",
        "//etc/passwd",
        "/vote",
        "/begin",
        "/page.html",
        "/<script>alert(1)</script>",
    ],
)
def test_no_file_can_be_had_by_its_address(browser, path, address):
    for method in ("GET", "POST"):
        if (method, address) in {("POST", "/vote"), ("POST", "/begin")}:
            continue
        answer, text = browser.ask(method, address, "" if method == "POST" else None)
        assert answer.status == 404
        assert "root:" not in text
        assert "<script" not in text
    assert browser.ask("DELETE", "/")[0].status == 501


def test_invitations_are_for_one_participant_each_and_then_for_them_alone(server, path):
    lines = server.opening(2)
    links = [line for line in lines if "?participant=" in line]
    assert len(links) == 2
    stranger = Browser(server)
    assert "by invitation" in Page(stranger.get()[1]).words
    assert stranger.ask("POST", "/begin", "", FORM)[0].status == 403
    assert stranger.get("/?participant=guess")[0].status == 403
    for _ in range(2):  # the same link in two browsers is the same participant
        browser = Browser(server)
        answer, _ = browser.get(links[0][links[0].index("/?") :])
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        status = browser.vote(position=0, choice=0)
    assert status == 409
    assert len(read_ballots(path).votes) == 1


def test_a_vote_that_cannot_be_stored_is_not_confirmed(browser, monkeypatch):
    def broken(_):
        raise StoreError("cannot write votes.jsonl: No space left on device")

    monkeypatch.setattr(browser.server.votes, "_append", broken)
    with pytest.warns(UserWarning, match="No space left"):
        assert browser.vote(position=0, choice=0) == 500
    monkeypatch.undo()
    assert browser.vote(position=0, choice=0) == 303


def test_many_participants_at_once_lose_no_vote(server, path):
    def take_part(i):
        browser = Browser(server)
        browser.ask("POST", "/begin", "", FORM)
        statuses = []
        for position in range(6):
            with ThreadPoolExecutor(3) as pool:  # an impatient one clicks three times
                statuses += pool.map(lambda c, p=position: browser.vote(position=p, choice=c), range(3))
        return statuses

    with ThreadPoolExecutor(8) as pool:
        statuses = [s for found in pool.map(take_part, range(8)) for s in found]
    assert statuses.count(303) == 48
    assert statuses.count(409) == 96
    assert len(read_ballots(path).votes) == 48


def test_a_class_that_begins_together_is_answered(server, asked):
    """Sixty have asked before the server takes the first of them in."""
    late = StudyServer("127.0.0.1", 0, server.votes, asked[1])
    with ExitStack() as stack:
        stack.callback(late.server_close)
        waiting = [
            stack.enter_context(socket.create_connection(late.server_address[:2], timeout=5)) for _ in range(60)
        ]
        for one in waiting:
            one.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        threading.Thread(target=late.serve_forever, daemon=True).start()
        stack.callback(late.shutdown)
        answers = [one.makefile("rb").readline().split()[1] for one in waiting]
    assert answers == [b"200"] * 60


def test_a_port_that_is_taken_is_named(server, asked):
    port = server.server_address[1]
    with pytest.raises(BenchError, match=f"cannot listen on 127.0.0.1:{port}"):
        StudyServer("127.0.0.1", port, server.votes, asked[1])
    with pytest.raises(BenchError, match="cannot listen"):
        StudyServer("127.0.0.1", 99999, server.votes, asked[1])


def test_it_listens_on_this_machine_alone(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.link() == f"http://127.0.0.1:{server.server_address[1]}/"


def test_a_browser_that_goes_away_disturbs_nobody(browser, capsys):
    with socket.create_connection(browser.server.server_address[:2]) as half:
        half.sendall(b"POST /vote HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\nposition")
    assert browser.vote(position=0, choice=0) == 303
    assert "Traceback" not in capsys.readouterr().err
