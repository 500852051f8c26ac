"""Every test of this room has its own, empty data folder, and a web server to download from if it wants one."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from bench.core.paths import data_folder


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """The suite's data folder."""
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "home"))
    return data_folder()


@pytest.fixture(autouse=True)
def digits_at_hand():
    """Digits are read anew by every test of this room."""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, format, *args):
        """Say nothing."""


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder ``mirror`` and the address under which a local web server offers its files."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "mirror"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
