"""The file of votes: nothing lost, nothing counted twice, nothing of another study."""

import json
import os
import sys
import threading
from dataclasses import replace

import pytest

from bench.core.errors import StoreError
from bench.studies.user_study.ballots import read_ballots
from bench.studies.user_study.votes import LONGEST_REASON, Refused, VotesFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some" / "votes.jsonl"


@pytest.fixture
def study(asked):
    return asked[0]


def someone(votes):
    return votes.participant(votes.add_participant())


def test_what_is_cast_is_what_is_read(path, study):
    with VotesFile(path, study) as votes:
        one, two = someone(votes), someone(votes)
        cast = [votes.cast(one, 0, 3, "läuft <b>\nwith it"), votes.cast(two, 0, 1), votes.cast(one, 1, 0)]
        assert votes.next(one).position == 2
    found = read_ballots(path)
    assert found.study == study
    assert list(found.votes.values()) == cast
    assert cast[0].method == study.showings(one)[0].order[3]
    assert set(found.participants) == {one, two}


def test_tokens_are_not_stored(path, study):
    with VotesFile(path, study) as votes:
        token = votes.add_participant()
        name = votes.participant(token)
        assert votes.participant(name) is None
    assert name in path.read_text()
    assert token not in path.read_text()


def test_one_vote_a_participant_and_page_in_order(path, study):
    with VotesFile(path, study) as votes:
        name = someone(votes)
        votes.cast(name, 0, 0)
        before = path.read_bytes()
        for wrong, status in [
            ((name, 0, 1), 409),
            ((name, 2, 1), 409),
            ((name, 6, 0), 404),
            ((name, -1, 0), 404),
            ((name, 1, 4), 400),
            ((name, 1, -1), 400),
            ((name, 1, 0, "x" * (LONGEST_REASON + 1)), 400),
            (("nobody", 0, 0), 403),
        ]:
            with pytest.raises(Refused) as refused:
                votes.cast(*wrong)
            assert refused.value.status == status, wrong
        assert path.read_bytes() == before
        for position in range(1, 6):
            votes.cast(name, position, 0)
        assert votes.next(name) is None


def test_a_study_goes_on_where_it_stopped(path, study):
    with VotesFile(path, study) as votes:
        token = votes.add_participant()
        name = votes.participant(token)
        votes.cast(name, 0, 0)
    with VotesFile(path, study) as votes:
        assert votes.participant(token) == name
        with pytest.raises(Refused, match="answered already"):
            votes.cast(name, 0, 1)
        votes.cast(name, 1, 1)
    assert len(read_ballots(path).votes) == 2


@pytest.mark.parametrize("cut", [1, 10])
def test_a_line_that_was_cut_short_never_counted(path, study, cut):
    with VotesFile(path, study) as votes:
        name = someone(votes)
        votes.cast(name, 0, 0)
        votes.cast(name, 1, 0)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.warns(UserWarning, match="cut short"):
        assert len(read_ballots(path).votes) == 1
    with pytest.warns(UserWarning, match="cut short"):
        votes = VotesFile(path, study)
    with votes:
        assert votes.next(name).position == 1
        votes.cast(name, 1, 2)
    assert len(read_ballots(path).votes) == 2


def test_another_study_is_refused(path, study):
    VotesFile(path, study).close()
    before = path.read_bytes()
    for other, what in [
        (replace(study, seed=1), "seed is 0 there, 1 here"),
        (replace(study, checksum="x"), "checksum"),
    ]:
        with pytest.raises(StoreError, match=what):
            VotesFile(path, other)
    assert path.read_bytes() == before
    VotesFile(path, study).close()  # a refusal leaves no lock behind


def test_one_server_at_a_time(path, study):
    with VotesFile(path, study), pytest.raises(StoreError, match="another server"):
        VotesFile(path, study)


def test_places_that_cannot_be_written_are_named(tmp_path, study):
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "votes.jsonl"):
        with pytest.raises(StoreError, match="cannot write"):
            VotesFile(place, study)


@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of files are of Unix")
def test_a_vote_that_does_not_fit_on_the_disk_does_not_count(path, study, monkeypatch):
    with VotesFile(path, study) as votes:
        name = someone(votes)
        before = path.read_bytes()

        def broken(_):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "fsync", broken)
        with pytest.raises(StoreError, match="Input/output error"):
            votes.cast(name, 0, 0)
        assert path.read_bytes() == before
        monkeypatch.undo()
        votes.cast(name, 0, 1)
    with pytest.raises(StoreError, match="has ended"):
        votes.cast(name, 1, 1)
    assert len(read_ballots(path).votes) == 1


def test_votes_at_the_same_time_are_all_kept_and_each_counts_once(path, study):
    with VotesFile(path, study) as votes:
        names = [someone(votes) for _ in range(8)]
        refused = []

        def race(name):
            for position in range(study.length):
                while True:
                    try:
                        votes.cast(name, position, 0)
                        break
                    except Refused as error:
                        refused.append(error.status)
                        if "already" in str(error):
                            break

        threads = [threading.Thread(target=race, args=(name,)) for name in names for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = read_ballots(path)
    assert set(found.votes) == {(name, i) for name in names for i in range(study.length)}
    assert set(refused) == {409}
    assert len(refused) >= 2 * 8 * study.length


def edited(kind, **changes):
    """Change the first line of a kind."""

    def edit(lines):
        i = next(i for i, line in enumerate(lines) if kind in line)
        return [*lines[:i], {kind: lines[i][kind] | changes}, *lines[i + 1 :]]

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lines: [*lines, lines[-1]], "line 4 .*second vote"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], "line 3 .*twice"),
        (lambda lines: [lines[0], lines[2]], "line 2 .*unknown participant"),
        (lambda lines: lines[1:], "line 1 .*before the study"),
        (lambda lines: [*lines, {"note": {}}], "line 4 .*unknown kind 'note'"),
        (lambda lines: [*lines, [1]], "line 4"),
        (edited("vote", method="vae"), "line 3 .*'vae'"),
        (edited("vote", shown=["dfi"]), "line 3 .*methods of the study"),
        (edited("vote", position=6), "line 3 .*page 6"),
        (edited("vote", picture=[0, 99]), "line 3 .*99"),
        (edited("vote", colour="red"), "line 3 .*colour"),
        (edited("study", methods=3), "line 1"),
        (lambda lines: [], "is empty"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_by_line(path, study, edit, message):
    with VotesFile(path, study) as votes:
        votes.cast(someone(votes), 0, 0)
    lines = edit([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(StoreError, match=message):
        read_ballots(path)


def test_junk_is_refused(path):
    with pytest.raises(StoreError, match="cannot read"):
        read_ballots(path)
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe\n")
    with pytest.raises(StoreError, match="line 1 is no line of votes"):
        read_ballots(path)
