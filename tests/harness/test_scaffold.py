"""A new method is written whole, works at once, and is never written over."""

import pytest

from bench.core.errors import BenchError
from bench.harness.scaffold import new_method


def test_the_new_method_passes_the_contract(tmp_path):
    from bench.harness.method_check import check_method

    method, test = new_method("my_method", tmp_path)
    assert test.name == "test_my_method.py"
    outcomes = check_method(str(method))
    assert [o.message for o in outcomes if not o.passed] == []
    assert len(outcomes) >= 7


@pytest.mark.parametrize("name", ["My", "2nd", "a-b", "class", "", "../up"])
def test_names_that_are_no_names_are_refused(tmp_path, name):
    with pytest.raises(BenchError, match="use lower-case letters"):
        new_method(name, tmp_path)


def test_taken_names_and_existing_files_are_refused(tmp_path):
    with pytest.raises(BenchError, match="taken"):
        new_method("dfi", tmp_path)
    (tmp_path / "test_mine.py").write_text("precious")
    with pytest.raises(BenchError, match="exists; nothing was written"):
        new_method("mine", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["test_mine.py"]
