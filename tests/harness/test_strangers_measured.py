"""Methods of strangers that are not refused: measured truly, whatever they patch, or marked and not ranked."""

import pytest

from bench.api import run_suite
from bench.core.errors import ContractError
from bench.harness.store import Store
from bench.reports.leaderboard import leaderboards

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


def run_all(place, run_strangers, tmp_path, monkeypatch):
    """The records of methods that are not refused."""
    bodies = {"honest": "", "costly": COSTLY, "forking": FORKING, "guessing": GUESSING}
    bodies |= {"pooling": POOLING, "peeking": PEEKING, "memo": MEMO}
    bodies |= {f"patching{number}": body for number, body in enumerate(TRUE.values())}
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    found = run_strangers(place, tmp_path, bodies)
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


def test_what_measures_a_method_does_not_lie_in_its_file(place, stranger, tmp_path):
    path = tmp_path / "both.py"
    body = (
        "\n    pass\n\nfrom bench import metric\nfrom bench.metrics.pixels import Mse\n\n"
        '@metric("mine")\n@dataclass\nclass Mine(Mse):\n    """Mine."""\n\n    name = "mine"\n'
    )
    path.write_text(stranger("both", body))
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


def test_in_one_process_a_method_of_a_stranger_is_not_ranked(place, stranger, tmp_path):
    path = tmp_path / "cheat.py"
    path.write_text(stranger("cheat"))
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


def test_what_is_not_refused_is_measured_truly_or_marked(place, run_strangers, tmp_path, monkeypatch):
    """One run for all of these checks."""
    passed = run_all(place, run_strangers, tmp_path, monkeypatch)
    for check in CHECKS:
        check(passed)
