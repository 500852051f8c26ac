"""The page over a folder of studies says what each found, and what it cannot read."""

import json

import pytest

from bench.core.errors import BenchError
from bench.studies.index import index, read_studies, write_index


def verdict(claim, outcome):
    evidence = [{"question": "is it so", "outcome": outcome, "detail": "1 > 0", "stand_in": ""}]
    return {
        "claim": claim,
        "source": "dfi §3",
        "text": "A | B",
        "outcome": outcome,
        "published": None,
        "dataset": "digits",
        "network": "eye",
        "evidence": evidence,
    }


@pytest.fixture
def folder(tmp_path):
    for name, outcomes in {"b-digits": ["holds", "fails"], "a-digits": ["holds"]}.items():
        verdicts = [verdict(f"C{k}{name[0]}", outcome) for k, outcome in enumerate(outcomes)]
        (tmp_path / name).mkdir()
        content = {"study": name[0], "dataset": "digits", "network": "eye", "verdicts": verdicts}
        (tmp_path / name / "study.json").write_text(json.dumps(content))
    return tmp_path


def test_verdicts_stand_by_claim_and_figures_by_study(folder):
    page = index(read_studies(folder))
    assert "3 verdicts: 1 fails, 2 holds." in page
    rows = [line for line in page.splitlines() if line.startswith("| C")]
    assert [row.split(" ")[1] for row in rows] == ["C0a", "C0b", "C1b"]
    assert rows[2].count(" | ") == 5  # a bar in a text is no border
    assert "[b](b-digits/README.md)" in rows[2]
    assert "**fails**" in rows[2]
    assert page.index("a-digits/figure.png") < page.index("b-digits/figure.png")


def test_the_command_writes_the_page(folder, call):
    code, text, _ = call("studies", folder)
    assert code == 0
    assert str(folder / "README.md") in text
    assert (folder / "README.md").read_text() == index(read_studies(folder))


@pytest.mark.parametrize(("content", "message"), [("{", "is not a study"), ('{"study": "x"}', "is not a study: Key")])
def test_a_damaged_study_is_named_and_nothing_is_written(folder, content, message):
    (folder / "b-digits" / "study.json").write_text(content)
    with pytest.raises(BenchError, match=rf"b-digits/study.json {message}"):
        write_index(folder)
    assert not (folder / "README.md").exists()


def test_a_folder_without_studies_is_refused(tmp_path, call):
    code, _, error = call("studies", tmp_path / "nowhere")
    assert code == 2
    assert "no studies (FOLDER/study.json) here" in error
