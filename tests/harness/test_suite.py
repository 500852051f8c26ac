"""Suite files are read strictly; every error names the file and the line."""

import pytest

from bench.core.errors import BenchError, SuiteError, UnknownName
from bench.harness import inspect
from bench.harness.suite import open_suite, parse_seeds, read_suite, suite_files


def changed(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_every_suite_of_the_project_reads_and_expands_at_every_budget():
    for name in suite_files():
        suite = open_suite(name)
        for budget in suite.budgets:
            assert suite.cells(budget)


def test_cells_are_the_product_in_seed_order(tiny_suite):
    cells = read_suite(tiny_suite).cells("smoke", seeds=[3, 4])
    assert [(c.seed, c.method.name) for c in cells[:5]] == [
        (3, "random_code"),
        (3, "best_of_random"),
        (3, "dfi"),
        (3, "dfi+opt"),
        (4, "random_code"),
    ]
    assert cells[0].gan.options == {"width": 8, "code_dim": 16}


def test_a_budget_changes_options(tiny_suite):
    suite = read_suite(changed(tiny_suite, "width = 8", "width = 64\nsmoke = { width = 8 }"))
    assert suite.cells("smoke")[0].gan.options["width"] == 8


def test_a_budget_has_limits_of_their_own_for_some_datasets(tiny_suite):
    path = changed(tiny_suite, 'datasets = ["digits"]', 'datasets = ["digits", { name = "digits", label = "again" }]')
    path.write_text(path.read_text() + "\n[budgets.smoke.for.again]\ntrain_steps = 30\n")
    suite = read_suite(path)
    limits = {cell.dataset.title: cell.budget for cell in suite.cells("smoke")}
    assert {title: (b.train_steps, b.fit_steps, b.name) for title, b in limits.items()} == {
        "digits": (12, 6, "smoke"),
        "again": (30, 6, "smoke"),
    }
    assert ("budget smoke, again", "train_steps 30") in inspect._suite_section(str(path))[1]


def test_a_budget_that_is_a_number_is_refused(tiny_suite):
    head, _, _ = tiny_suite.read_text().partition("[budgets.smoke]")
    tiny_suite.write_text(head + "[budgets]\nsmoke = 3\n")
    with pytest.raises(SuiteError, match=r"line \d+: budgets should be tables \[budgets.smoke\]"):
        read_suite(tiny_suite)


def test_methods_can_be_chosen_and_added(tiny_suite):
    suite = read_suite(tiny_suite)
    assert [c.method.name for c in suite.cells(methods=["dfi", "gradient"])] == ["dfi", "gradient"]
    with pytest.raises(UnknownName, match="unknown method 'dfl'; did you mean 'dfi'"):
        suite.cells(methods=["dfl"])
    with pytest.raises(UnknownName, match="unknown refiner 'op'; did you mean 'opt'"):
        suite.cells(methods=["dfi+op"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds = [0]", "seds = [0]", r"tiny.toml, line 4: unknown key 'seds'; did you mean 'seeds'"),
        ("seeds = [0]", "seeds = [0", r"tiny.toml: malformed TOML: .*line"),
        ('"psnr", "ssim"', '"pnsr", "ssim"', r"tiny.toml, line 6: unknown metric 'pnsr'; did you mean 'psnr'"),
        ('"digits"', '"digit"', r"line 3: unknown dataset 'digit'; did you mean 'digits'"),
        ('"dfi",', '"dfy",', r"line 7: unknown method 'dfy'"),
        ('name = "dcgan"', 'name = "dcgn"', r"unknown gan 'dcgn'; did you mean 'dcgan'"),
        ('name = "dcgan"', 'name = "fashion-mnist/nothing"', r"unknown shipped GAN"),
        ('rank_by = "psnr"', 'rank_by = "fid"', r"rank_by 'fid' is not among the metrics"),
        ("[budgets.smoke]", "[budgets.smok]", r"unknown key 'smok'; did you mean 'smoke'"),
        ("[budgets.smoke]", "[budgets.smoke.for.digit]\n[budgets.smoke]", r"unknown dataset 'digit'; did you mean"),
        ("[budgets.smoke]", "[budgets.smoke.for.digits]\nsteps = 3\n[budgets.smoke]", r"unknown key 'steps'"),
        ("[budgets.smoke]", "[budgets.smoke.for]\ndigits = 3\n[budgets.smoke]", r"expected tables"),
        ("[budgets.smoke]", "[budgets.smoke.for.digits]\ntrain_steps = -3\n[budgets.smoke]", r"train_steps = -3"),
        ("fit_steps = 6", "fit_step = 6", r"unknown key 'fit_step'; did you mean 'fit_steps'"),
        ("fit_steps = 6\n", "", r"key 'fit_steps' is missing in budget 'smoke'"),
        ("fit_steps = 6", "fit_steps = -6", r"fit_steps = -6 should be a number, 0 or more"),
        ("seeds = [0]", "seeds = [-1]", r"seeds should be a list of whole numbers"),
        ('"dfi+opt"]', '"dfi"]', r"method 'dfi' is listed twice"),
        ('rank_by = "psnr"\n', "", r"key 'rank_by' is missing"),
        ('"mse", "code_mse"', '"mse", "fid@nothing"', r"unknown features 'nothing'"),
    ],
)
def test_mistakes_are_named_with_their_place(tiny_suite, old, new, message):
    with pytest.raises(BenchError, match=message):
        read_suite(changed(tiny_suite, old, new))


def test_printed_tables_are_looked_up_when_the_suite_is_read(tiny_suite):
    assert read_suite(tiny_suite).published == ()
    suite = read_suite(changed(tiny_suite, "seeds = [0]", 'seeds = [0]\npublished = ["dfi/Table2"]'))
    assert suite.published == ("dfi/Table2",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('["dfy/table2"]', r"tiny.toml, line 5: unknown paper 'dfy'; did you mean 'dfi'"),
        ('["dfi/tabel2"]', r"line 5: unknown table across GANs of dfi 'tabel2'; did you mean 'table2'"),
        ('["table2"]', r"line 5: published names 'table2'; expected paper/table"),
        ('"dfi/table2"', r"line 5: published should be a list of names"),
    ],
)
def test_printed_tables_that_are_not_there_are_named(tiny_suite, value, message):
    with pytest.raises(BenchError, match=message):
        read_suite(changed(tiny_suite, "seeds = [0]", f"seeds = [0]\npublished = {value}"))


def test_unknown_suite_budget_and_file(tiny_suite, tmp_path):
    with pytest.raises(UnknownName, match="unknown suite 'quickstar'; did you mean 'quickstart'"):
        open_suite("quickstar")
    with pytest.raises(SuiteError, match="no such file"):
        open_suite(str(tmp_path / "absent.toml"))
    with pytest.raises(UnknownName, match="unknown budget 'smke'; did you mean 'smoke'"):
        read_suite(tiny_suite).cells("smke")


def test_seeds_from_the_command_line():
    assert parse_seeds("0,2,5-7") == [0, 2, 5, 6, 7]
    with pytest.raises(BenchError, match="expected numbers"):
        parse_seeds("one")


ENTRANTS = """
[[gans]]
name = "dcgan"
label = "small"
budgets = ["smoke"]
datasets = ["digits-b"]
width = 4

[[gans]]
name = "dcgan"
label = "large"
budgets = ["cpu"]
cpu = { width = 64 }
"""


@pytest.fixture
def entrants(tiny_suite):
    """Two datasets, one of them at one budget only; DCGAN small at smoke, large at cpu."""
    text = tiny_suite.read_text()
    _, _, budget = text.partition("[budgets.smoke]")
    text = text.replace('[[gans]]\nname = "dcgan"\nwidth = 8\ncode_dim = 16\n', ENTRANTS)
    text = text.replace('datasets = ["digits"]', 'datasets = ["digits", { name = "digits", label = "digits-b" }]')
    text = text.replace('"best_of_random"', '{ name = "best_of_random", budgets = ["cpu"] }')
    tiny_suite.write_text(f"{text}[budgets.cpu]{budget}looks = 5\n")
    return tiny_suite


def test_an_entry_takes_part_at_the_budgets_and_datasets_that_it_names(entrants):
    suite = read_suite(entrants)
    smoke, cpu = suite.cells("smoke"), suite.cells("cpu")
    assert [(c.dataset.title, c.gan.title, c.method.name) for c in smoke] == [
        ("digits-b", "small", "random_code"),
        ("digits-b", "small", "dfi"),
        ("digits-b", "small", "dfi+opt"),
    ]
    assert {(c.dataset.title, c.gan.title) for c in cpu} == {("digits", "large"), ("digits-b", "large")}
    assert "best_of_random" in {c.method.name for c in cpu}
    assert (smoke[0].gan.options, cpu[0].gan.options) == ({"width": 4}, {"width": 64})
    assert (smoke[0].budget.looks, cpu[0].budget.looks) == (0, 5)


def test_one_name_may_stand_once_at_each_budget(entrants):
    suite = read_suite(changed(entrants, 'label = "large"', 'label = "small"'))
    assert [suite.cells(b)[0].gan.options["width"] for b in ("smoke", "cpu")] == [4, 64]
    with pytest.raises(SuiteError, match="line 12: gan 'small' is listed twice"):
        read_suite(changed(entrants, 'budgets = ["smoke"]\n', ""))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('budgets = ["smoke"]', 'budgets = ["smok"]', r"line 13: unknown budget 'smok'; did you mean 'smoke'"),
        ('budgets = ["smoke"]', 'budgets = ["paper"]', r"unknown budget 'paper'; known: cpu, smoke"),
        ('budgets = ["smoke"]', 'budgets = "smoke"', r"budgets should be a list of names"),
        ('["digits-b"]', '["digits-c"]', r"line 14: unknown dataset 'digits-c'; did you mean 'digits-b'"),
        ('["digits-b"]', "[]", r"line 3: datasets should be a list of names"),
        ('budgets = ["smoke"]', 'budgets = ["cpu"]', r"no gan is listed for budget 'smoke'"),
        (
            'label = "digits-b"',
            'label = "digits-b", budgets = ["cpu"]',
            r"gan 'small' is paired with no dataset at budget 'smo",
        ),
        ("cpu = { width = 64 }", "cpu = 64", r"cpu should be a table of options, not 64"),
        ("looks = 5", "looks = true", r"looks = True should be a number, 0 or more"),
    ],
)
def test_mistakes_about_who_takes_part_are_named(entrants, old, new, message):
    with pytest.raises(BenchError, match=message):
        read_suite(changed(entrants, old, new))


def test_a_title_goes_before_a_name_and_the_first_of_a_name_before_others(tiny_suite):
    several = '{ name = "dfi", label = "deep", depth = 3 }, "dfi", { name = "dfi", label = "flat", depth = 0 }'
    suite = read_suite(changed(tiny_suite, '"dfi"', several))
    for chosen, depth in (("dfi", None), ("deep", 3), ("Flat", 0)):
        assert [c.method.options.get("depth") for c in suite.cells("smoke", methods=[chosen])] == [depth]
    unlabelled = read_suite(changed(tiny_suite, ', "dfi", {', ", {"))
    assert [c.method.title for c in unlabelled.cells("smoke", methods=["dfi"])] == ["deep"]


def test_a_method_meets_the_gans_that_it_names(entrants):
    text = changed(entrants, '"random_code"', '{ name = "random_code", budgets = ["cpu"], gans = ["large"] }')
    suite = read_suite(text)
    assert "random_code" not in {c.method.name for c in suite.cells("smoke")}
    assert {c.gan.title for c in suite.cells("cpu") if c.method.name == "random_code"} == {"large"}
    assert {c.gan.name for c in suite.cells("cpu", methods=["random_code"], gans=["lsgan"])} == {"lsgan"}
    with pytest.raises(SuiteError, match="suite methods: nothing to run: none of these methods is paired with any"):
        open_suite("methods").cells("smoke", methods=["encoder"], gans=["dcgan"])
    with pytest.raises(UnknownName, match="unknown gan 'larg'; did you mean 'large'"):
        read_suite(changed(entrants, 'gans = ["large"]', 'gans = ["larg"]'))


def test_a_method_that_meets_no_gan_at_a_budget_is_refused(entrants):
    named = '{ name = "random_code", budgets = ["smoke"], gans = ["large"] }'
    with pytest.raises(SuiteError, match="method 'random_code' is paired with no gan at budget 'smoke'"):
        read_suite(changed(entrants, '"random_code"', named))


def test_gans_of_the_command_line_stand_in_for_the_suites(tiny_suite):
    suite = read_suite(tiny_suite)
    cells = suite.cells("smoke", gans=["dcgan", "lsgan?width=4&prior=normal&ema=0.5"])
    assert [(c.gan.name, dict(c.gan.options)) for c in cells[:: len(suite.methods)]] == [
        ("dcgan", {"width": 8, "code_dim": 16}),
        ("lsgan", {"width": 4, "prior": "normal", "ema": 0.5}),
    ]
    with pytest.raises(UnknownName, match="--gan: unknown gan 'lsgann'; did you mean 'lsgan'"):
        suite.cells("smoke", gans=["lsgann"])
    with pytest.raises(BenchError, match=r"--gan lsgan[?]width: expected OPTION=VALUE after '[?]', found 'width'"):
        suite.cells("smoke", gans=["lsgan?width"])
