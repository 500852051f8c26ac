"""Methods are code of strangers: each way to lead a table without inverting, and the harness's answer.

Every cheat is a method in a file of its own, run as users run it: a suite, processes, a check within the run. A row
that is not caught has to be true: measured by decoding its codes with the real generator.
"""

from __future__ import annotations

import sys

import pytest

from bench.api import run_suite
from bench.core import registry
from bench.core.errors import ContractError
from bench.harness import runner
from bench.harness.store import Store
from bench.reports.leaderboard import leaderboards

HEADER = '''
import atexit, copy, gc, os, subprocess, sys, threading, time
from dataclasses import dataclass
import torch
from torch import nn
from bench import Inverter, method

@method("NAME")
@dataclass
class Cheat(Inverter):
    """The control random_code, and a trick."""

    def codes(self, x):
        return self.gan.prior.sample(len(x), torch.Generator().manual_seed(3))

    def invert(self, x):
        return self.codes(x)
'''
REFUSED = {
    "replaces the method that decodes": (
        """
    def build(self):
        self.gan.decode = lambda codes: torch.zeros(len(codes), 1, 28, 28)
        """,
        "changed the GAN's classes, attributes or modules during build",
    ),
    "changes the generator's class": (
        """
    def fit(self, data):
        class Liar(type(self.gan.generator)):
            def forward(self, codes):
                return torch.zeros(len(codes), 1, 28, 28)
        self.gan.generator.__class__ = Liar
        """,
        "changed the GAN's classes, attributes or modules during fit",
    ),
    "hooks the generator": (
        """
    def fit(self, data):
        self.gan.generator.register_forward_hook(lambda module, codes, images: images * 0)
        """,
        "changed the hooks of the GAN's modules during fit",
    ),
    "changes weights": (
        """
    def invert(self, x):
        next(self.gan.generator.parameters()).data.add_(1)
        return self.codes(x)
        """,
        "changed the GAN's weights during invert",
    ),
    "leaves the generator in train mode": (
        """
    def fit(self, data):
        self.gan.generator.train()
        """,
        "changed the train or eval mode of the GAN's modules during fit",
    ),
    "lets weights need gradients": (
        """
    def fit(self, data):
        self.gan.generator.requires_grad_(True)
        """,
        "changed which weights of the GAN need gradients during fit",
    ),
    "turns gradients off": (
        """
    def fit(self, data):
        torch.set_grad_enabled(False)
        """,
        "changed grad mode during fit",
    ),
    "changes the default dtype": (
        """
    def build(self):
        torch.set_default_dtype(torch.float64)
        """,
        "changed torch's default dtype during build",
    ),
    "changes the number of threads": (
        """
    def fit(self, data):
        torch.set_num_threads(torch.get_num_threads() + 1)
        """,
        "changed the number of threads during fit",
    ),
    "changes the folder and the environment": (
        """
    def fit(self, data):
        os.environ["PATH"] = "/elsewhere"
        """,
        "changed environment variables during fit",
    ),
    "changes the training images": (
        """
    def fit(self, data):
        data.train.data.zero_()
        """,
        "changed the images that it was given during fit",
    ),
    "changes the test images": (
        """
    def invert(self, x):
        for each in gc.get_objects():
            if type(each).__name__ == "Images" and each.data.dtype == torch.uint8:
                each.data.fill_(127)
        return self.codes(x)
        """,
        "changed the images that it was given during invert",
    ),
    "loads the dataset in fit": (
        """
    def fit(self, data):
        from bench.core.options import create
        create("dataset", "digits").load()
        """,
        "fit reads the test split",
    ),
    "loads the dataset in build": (
        """
    def build(self):
        from bench.core.options import create
        create("dataset", "digits").load()
        """,
        "build reads the test split",
    ),
    "reads the file of the dataset": (
        """
    def fit(self, data):
        from sklearn import datasets
        folder = os.path.join(os.path.dirname(datasets.__file__), "data")
        open(os.path.join(folder, "digits.csv.gz"), "rb").read()
        """,
        "files of datasets and of the store are not its input",
    ),
    "reads it and hides the error": (
        """
    def fit(self, data):
        from sklearn import datasets
        try:
            datasets.load_digits()
        except Exception:
            pass
        """,
        "files of datasets and of the store are not its input",
    ),
    "reads the codes of another method": (
        """
    def invert(self, x):
        store = os.path.join(os.environ["GANINV_STORE_OF_THE_TEST"], "train")
        name = os.listdir(store)[0]
        open(os.path.join(store, name, "meta.json")).read()
        return self.codes(x)
        """,
        "files of datasets and of the store are not its input",
    ),
    "poisons the checkpoint of another fit": (
        """
    def fit(self, data):
        open(os.path.join(os.environ["GANINV_STORE_OF_THE_TEST"], "work", "fit-0.checkpoint"), "wb").write(b"x")
        """,
        "files of datasets and of the store are not its input",
    ),
    "removes what others stored": (
        """
    def fit(self, data):
        os.rename(os.path.join(os.environ["GANINV_STORE_OF_THE_TEST"], "train"), "elsewhere")
        """,
        "files of datasets and of the store are not its input",
    ),
    "lists the store": (
        """
    def fit(self, data):
        os.listdir(os.environ["GANINV_STORE_OF_THE_TEST"])
        """,
        "files of datasets and of the store are not its input",
    ),
    "edits a metric": (
        """
    def fit(self, data):
        import bench.metrics
        open(os.path.join(os.path.dirname(bench.metrics.__file__), "new.py"), "w")
        """,
        "files of datasets and of the store are not its input",
    ),
    "works where parameters are counted": (
        """
    def trained_parameters(self):
        torch.set_grad_enabled(False)
        return 1
        """,
        "changed grad mode during fit",
    ),
    "works in state": (
        """
    def state(self):
        torch.set_grad_enabled(False)
        return {}
        """,
        "changed grad mode during state",
    ),
    "describes itself by something else": (
        """
    trained_on = 5
        """,
        "what the method says of itself cannot be used: TypeError: int in place of a text",
    ),
    "mixes a little of the batch's mean in": (
        """
    def codes(self, x):
        codes = x.flatten(1)[:, 300:300 + self.gan.code_dim].contiguous()
        return codes + 0.015 * codes.mean(0)
        """,
        "does not invert each image on its own",
    ),
    "sorts by the batch": (
        """
    def codes(self, x):
        rank = x.flatten(1).sum(1).argsort().argsort().float()
        return rank[:, None].expand(-1, self.gan.code_dim).contiguous()
        """,
        "does not invert each image on its own",
    ),
    "answers differently each time": (
        """
    def codes(self, x):
        return torch.full((len(x), self.gan.code_dim), 1 + 100 * time.time() % 1)
        """,
        "gives other codes for the same images from the same seed",
    ),
    "keeps what it learned outside of its state": (
        """
    def fit(self, data):
        self.learned = data.train.floats(slice(0, 1)).mean()
    def codes(self, x):
        shift = getattr(self, "learned", None)
        return torch.zeros(len(x), self.gan.code_dim) + (1.0 if shift is None else float(shift))
        """,
        "gives other codes after state() and load_state()",
    ),
    "leaves a thread at work": (
        """
    def fit(self, data):
        threading.Thread(target=time.sleep, args=(60,), name="still-searching", daemon=True).start()
        """,
        "leaves threads at work after fit: still-searching",
    ),
    "says that it has another space": (
        """
    @property
    def capacity(self):
        return "pixels"
        """,
        "this GAN has no pixels codes",
    ),
}


@pytest.fixture(autouse=True)
def in_processes(monkeypatch):
    monkeypatch.setattr(runner, "JOBS", 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_text):
    """A suite and the folder of a store."""
    folder = tmp_path_factory.mktemp("strangers")
    suite = folder / "tiny.toml"
    suite.write_text(tiny_text)
    return suite, folder / "store"


def run(place, tmp_path, bodies):
    """The record of each method, by name, all of one run; and that of a control, which is honest."""
    for known in registry.plugin_files():
        sys.modules.pop(registry._plugin_module(known), None)
    registry._plugins.clear()
    registry._table.cache_clear()
    suite, store = place
    paths = {name: tmp_path / f"{name}.py" for name in bodies}
    for name, path in paths.items():
        path.write_text(HEADER.replace("NAME", name) + bodies[name])
    names = ["random_code", *bodies]
    found = run_suite(suite, methods=names, plugins=list(paths.values()), store=Store(store), jobs=1).records
    return dict(zip(names, found, strict=True))


def test_each_trick_is_a_failed_row_with_its_reason_and_an_honest_row_beside_them_is_not_touched(
    place, tmp_path, monkeypatch
):
    """All in one run, which costs less than one for each."""
    names = {way: f"way{number}" for number, way in enumerate(REFUSED)}
    monkeypatch.setenv("GANINV_STORE_OF_THE_TEST", str(place[1]))
    (tmp_path / "refused").mkdir()
    found = run(place, tmp_path / "refused", {names[way]: REFUSED[way][0] for way in REFUSED})
    records = {way: found[names[way]] for way in REFUSED}
    passed = {way for way, record in records.items() if record.status == "done"}
    other = {way: records[way].reason for way in REFUSED if REFUSED[way][1] not in records[way].reason}
    assert (passed, other) == (set(), {})
    alone = run((place[0], tmp_path / "store"), tmp_path, {})["random_code"]
    assert found["random_code"].status == "done"
    assert found["random_code"].metrics == alone.metrics


TRUE = {
    "patches metrics, torch and the clock": """
    def fit(self, data):
        from bench.metrics import pixels
        pixels.Psnr.update = lambda self, pairs: torch.full((len(pairs.x),), 99.0)
        torch.nn.functional.mse_loss = lambda a, b: torch.zeros(())
    """,
    "overwrites the results in memory": """
    def invert(self, x):
        sys.modules["bench.harness.invert_stage"].batch_size = lambda gan: 7
        return self.codes(x)
    """,
}


COSTLY = """
    def build(self):
        time.monotonic = time.perf_counter = time.process_time = lambda: 0.0

    def invert(self, x):
        codes = self.codes(x)
        mine = copy.deepcopy(self.gan.generator)
        until = time.time() + 0.5
        for _ in range(40):
            self.gan.generator.forward(codes)
            mine(codes)
        while time.time() < until:
            pass
        self.gan.calls = 0
        return codes
"""
POOLING = """
    def state(self):
        for _ in range(100):
            self.gan.decode(self.gan.prior.sample(500, torch.Generator().manual_seed(0)))
        return {}
"""
PEEKING = """
    def fit(self, data):
        frame = sys._getframe()
        while frame is not None:
            for value in list(frame.f_locals.values()):
                kept = getattr(value, "_kept", {})
                assert not hasattr(kept.get("data", (0, None))[1], "test"), "test images while it learns"
                assert not getattr(value, "nonce", ""), "the nonce of the generated images"
            frame = frame.f_back
"""
MEMO = """
    def invert(self, x):
        with open(os.path.join(os.environ["TMPDIR"], "memo"), "a") as file:
            file.write("a note for the next seed")
        return self.codes(x)
"""
FORKING = """
    def fit(self, data):
        subprocess.run([sys.executable, "-c", "pass"], check=True)
"""
GUESSING = """
    def codes(self, x):
        from bench.core.files import digest
        seed = int(digest(["own", ["digits", {}], ["dcgan", {"width": 8, "code_dim": 16}], [], 0]), 16) & (2**63 - 1)
        return self.gan.prior.sample(len(x), torch.Generator().manual_seed(seed))
"""


def run_all(place, tmp_path, monkeypatch):
    """The records of methods that are not refused."""
    bodies = {"honest": "", "costly": COSTLY, "forking": FORKING, "guessing": GUESSING}
    bodies |= {"pooling": POOLING, "peeking": PEEKING, "memo": MEMO}
    bodies |= {f"patching{number}": body for number, body in enumerate(TRUE.values())}
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    found = run(place, tmp_path, bodies)
    assert {name: record.reason for name, record in found.items() if record.status != "done"} == {}
    return found


def check_an_honest_method_of_a_stranger_passes(passed):
    assert passed["honest"].facts["plugin"] == "plug-in honest.py"


def check_what_a_method_patches_does_not_reach_the_measuring(passed):
    """Its codes are those of the honest one, and so are its figures."""
    for number in range(len(TRUE)):
        assert passed[f"patching{number}"].metrics["test"] == passed["honest"].metrics["test"]


def check_time_and_calls_are_counted_from_outside(passed):
    """A stopped clock, a count that is reset, a copy of the generator: the cost is there, the row is not ranked."""
    cost = passed["costly"].cost
    assert cost["generator_calls_per_image"] == 80
    assert cost["invert_ms_per_image"] > 1000 * 1.0 / 32 * 0.9, "two batches of half a second for 32 images"
    (board,) = leaderboards([passed["costly"]], "psnr", "strangers")
    assert board.rows[0].beyond
    assert board.rows[0].rank is None


def check_a_memo_on_disk_is_marked_and_not_ranked(passed):
    (board,) = leaderboards([passed["memo"]], "psnr", "strangers")
    (mark,) = board.rows[0].marks
    assert mark.startswith("wrote files (")
    assert "memo" in mark
    assert board.rows[0].rank is None
    assert passed["honest"].facts["written_files"] == []


def check_calls_count_wherever_they_are_made(passed):
    """50,000 in ``state``: more than six steps of fitting can use."""
    assert passed["pooling"].cost["fit_generator_calls"] == 50_000
    (board,) = leaderboards([passed["pooling"]], "psnr", "strangers")
    assert board.rows[0].beyond


def test_what_measures_a_method_does_not_lie_in_its_file(place, tmp_path):
    path = tmp_path / "both.py"
    body = (
        "\n    pass\n\nfrom bench import metric\nfrom bench.metrics.pixels import Mse\n\n"
        '@metric("mine")\n@dataclass\nclass Mine(Mse):\n    """Mine."""\n\n    name = "mine"\n'
    )
    path.write_text(HEADER.replace("NAME", "both") + body)
    suite = tmp_path / "both.toml"
    suite.write_text(place[0].read_text().replace('"mse",', '"mse", "mine",', 1))
    with pytest.raises(ContractError, match=r"both\.py registers method both and metric mine; give them a file each"):
        run_suite(suite, methods=["both"], plugins=[path], store=Store(tmp_path / "store"))


def check_a_method_that_starts_processes_is_marked_and_not_ranked(passed):
    (board,) = leaderboards([passed["forking"]], "psnr", "strangers")
    assert "started other processes" in board.rows[0].marks[0]
    assert board.rows[0].rank is None


def check_generated_images_are_not_those_of_the_seed_alone(passed):
    """A method that draws them again from the cell's seed knows nothing: the nonce is not in it."""
    assert passed["guessing"].metrics["own"]["code_mse"]["value"] > 0.1
    assert passed["guessing"].cell["nonce"] == "tests"


def test_in_one_process_a_method_of_a_stranger_is_not_ranked(place, tmp_path):
    path = tmp_path / "cheat.py"
    path.write_text(HEADER.replace("NAME", "cheat"))
    record = run_suite(place[0], methods=["cheat"], plugins=[path], store=Store(tmp_path / "one"), jobs=0).records[0]
    assert record.status == "done", record.reason
    (board,) = leaderboards([record], "psnr", "strangers")
    assert board.rows[0].marks == ("measured in its own process (--jobs 0)",)
    assert board.rows[0].rank is None


CHECKS = (
    check_an_honest_method_of_a_stranger_passes,
    check_what_a_method_patches_does_not_reach_the_measuring,
    check_time_and_calls_are_counted_from_outside,
    check_a_memo_on_disk_is_marked_and_not_ranked,
    check_calls_count_wherever_they_are_made,
    check_a_method_that_starts_processes_is_marked_and_not_ranked,
    check_generated_images_are_not_those_of_the_seed_alone,
)


def test_what_is_not_refused_is_measured_truly_or_marked(place, tmp_path, monkeypatch):
    """One run for all of these checks."""
    passed = run_all(place, tmp_path, monkeypatch)
    for check in CHECKS:
        check(passed)
