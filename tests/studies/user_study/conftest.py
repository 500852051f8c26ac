"""Records with pictures, as the store would hand them over, and a study made of them."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import numpy as np
import pytest

from bench.core.files import digest
from bench.core.types import Record
from bench.harness.store import Store, read_records
from bench.studies.user_study.questions import choose_table, open_study
from bench.studies.user_study.server import StudyServer
from bench.studies.user_study.votes import VotesFile

METHODS = {"enc_image": "", "enc_image+opt": "iGAN <b>", "dfi": "", "dfi+opt": "", "random_code": ""}
BUDGET = {"name": "smoke", "train_images": 8, "test_images": 8}


def pictures(seed, channels=1, count=6):
    """Random pictures, uint8 ``[count, channels, 8, 8]``."""
    return np.random.default_rng(seed).integers(256, size=(count, channels, 8, 8), dtype=np.uint8)


def put(folder, method, seed=0, channels=1, label="", target=None, gan="dcgan", status="done"):
    """Store a record of a method with its gallery; the targets are the same for all."""
    record = Record(
        key=digest([gan, method, seed]),
        cell={
            "dataset": {"name": "digits", "options": {}, "label": ""},
            "gan": {"name": gan, "options": {}, "label": ""},
            "method": {"name": method, "options": {}, "label": label},
            "seed": seed,
            "budget": BUDGET,
            "metrics": [],
        },
        status=status,
        facts={"control": method == "random_code"},
    )
    target = pictures(0, channels) if target is None else target
    output = pictures((seed, *map(ord, method)), channels, len(target))
    gallery = {"target": target, "output": output} if status == "done" else None
    store = Store(folder)
    store.put_record(record, gallery=gallery)
    return store.records_folder


@pytest.fixture
def records_folder(tmp_path):
    """Four methods and a control, two seeds, six pictures each."""
    for seed in range(2):
        for method, label in METHODS.items():
            folder = put(tmp_path / "store", method, seed, label=label)
    return folder


@pytest.fixture
def asked(records_folder):
    """A study of four questions and two repeats, with its pictures."""
    return open_study(choose_table(read_records(records_folder)), questions=4, repeats=2)


@contextmanager
def serving(path, asked):
    """A server in a thread, on a free port."""
    with VotesFile(path, asked[0]) as votes, StudyServer("127.0.0.1", 0, votes, asked[1]) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def serve():
    """Serve a study: ``with serve(path, asked) as server``."""
    return serving


@pytest.fixture
def store_record():
    """Store one more record with pictures."""
    return put


@pytest.fixture
def server(tmp_path, asked):
    """The study served, its votes in ``votes.jsonl``."""
    with serving(tmp_path / "votes.jsonl", asked) as running:
        yield running
