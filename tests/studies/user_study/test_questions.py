"""Questions: made of records alone, fair in their orders, and clear where there is nothing to ask."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from bench.core.errors import BenchError, NotApplicable, UnknownName
from bench.harness.packing import pack
from bench.harness.store import read_records
from bench.studies.user_study.questions import choose_table, open_study


@pytest.fixture
def group(records_folder):
    return choose_table(read_records(records_folder))


def test_contenders_are_compared_and_pictures_are_those_of_the_records(group, asked):
    study, pictures = asked
    assert study.names == ("dfi", "dfi+opt", "enc_image", "enc_image+opt")
    assert len(study.pictures) == 12
    showing = study.showings("anyone")[0]
    seed, image = showing.picture
    target, outputs = pictures.of(showing)
    for title, output in zip(showing.order, outputs, strict=True):
        with np.load(group.find(title).by_seed[seed].folder / f"{group.find(title).by_seed[seed].key}.npz") as stored:
            assert np.array_equal(stored["output"][image], output)
            assert np.array_equal(stored["target"][image], target)


def test_packed_records_ask_the_same_questions_or_fewer(records_folder, asked):
    pack(records_folder)
    study, pictures = open_study(choose_table(read_records(records_folder)), questions=4, repeats=2)
    assert study == asked[0]
    assert pictures.checksum() == asked[1].checksum()
    pack(records_folder, images=33)  # ten records and their targets: three of each
    with pytest.raises(BenchError, match=r"--questions 7, but the records keep 6 pictures \(2 seeds\)"):
        open_study(choose_table(read_records(records_folder)), questions=7)
    fewer, pictures = open_study(choose_table(read_records(records_folder)), questions=6)
    assert len(fewer.pictures) == 6
    assert np.array_equal(pictures.targets[0], asked[1].targets[0][:3])


def test_a_participant_always_gets_the_same_pages_and_others_get_others(asked):
    study, _ = asked
    assert study.showings("a") == study.showings("a")
    assert study.showings("a") != study.showings("b")
    assert study.showings("a") != replace(study, seed=1).showings("a")


def test_no_picture_comes_twice_but_the_repeats(asked):
    study = replace(asked[0], questions=8)
    for participant in map(str, range(50)):
        *first, one, two = study.showings(participant)
        assert [s.position for s in (*first, one, two)] == list(range(10))
        assert len({s.picture for s in first}) == 8
        assert len({s.picture[1] for s in first[:6]}) == 6  # every image once before any comes with another seed
        assert not any(s.repeat for s in first)
        assert one.repeat
        assert two.repeat
        assert {one.picture, two.picture} < {s.picture for s in first[:4]}


def test_every_method_stands_at_every_place_equally_often(asked):
    study, _ = asked
    pages = [showing for i in range(400) for showing in study.showings(str(i))]
    for title in study.methods:
        places = Counter(showing.order.index(title) for showing in pages)
        assert chisquare([places[i] for i in range(4)]).pvalue > 1e-3
    shown = Counter(showing.picture for showing in pages if not showing.repeat)
    assert chisquare([shown[picture] for picture in study.pictures]).pvalue > 1e-3


def test_methods_and_images_are_chosen(group):
    study, pictures = open_study(group, ["dfi+opt", "iGAN <b>", "dfi+opt"], images=2, questions=4, repeats=0)
    assert study.methods == ("dfi+opt", "iGAN <b>")
    assert study.names == ("dfi+opt", "enc_image+opt")
    assert study.pictures == ((0, 0), (0, 1), (1, 0), (1, 1))
    assert pictures.targets[1].shape == (2, 1, 8, 8)
    assert len(study.showings("a")) == 4
    assert open_study(group, ["random_code", "dfi"], questions=1, repeats=1)[0].names == ("dfi", "random_code")


def test_other_pixels_make_another_study(group, asked, store_record, tmp_path):
    assert open_study(group, questions=4, repeats=2)[0] == asked[0]
    path = group.runs[0].by_seed[1].folder / f"{group.runs[0].by_seed[1].key}.npz"
    with np.load(path) as stored:
        target, output = stored["target"], stored["output"].copy()
    output[5, 0, 7, 7] ^= 1
    np.savez(path, target=target, output=output)
    assert open_study(group, questions=4, repeats=2)[0].checksum != asked[0].checksum


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"methods": ["dfj"]}, UnknownName, "did you mean 'dfi'"),
        ({"methods": ["dfi"]}, NotApplicable, "at least 2"),
        ({"questions": 13}, BenchError, r"--questions 13, but the records keep 12 pictures \(2 seeds\)"),
        ({"questions": 4, "images": 7}, BenchError, "--images 7, but the records keep 6"),
        ({"questions": 0}, BenchError, "questions >= 1"),
        ({"questions": 4, "repeats": 5}, BenchError, "repeats <= questions"),
        ({"questions": 4, "images": -1}, BenchError, "images >= 0"),
    ],
)
def test_what_cannot_be_asked_is_said(group, options, error, message):
    with pytest.raises(error, match=message):
        open_study(group, **options)


def test_methods_without_pictures_are_refused_by_name(records_folder, store_record, tmp_path):
    store_record(tmp_path / "store", "lm", seed=0, status="failed")
    group = choose_table(read_records(records_folder))
    assert "lm" not in open_study(group, questions=4)[0].names
    with pytest.raises(NotApplicable, match="no record of lm keeps pictures"):
        open_study(group, ["dfi", "lm"], questions=4)
    store_record(tmp_path / "store", "cma", seed=2)
    group = choose_table(read_records(records_folder))
    with pytest.raises(NotApplicable, match="no seed has pictures of all of cma, dfi"):
        open_study(group, ["dfi", "cma"], questions=4)


def test_methods_that_saw_other_images_are_refused(records_folder, store_record, tmp_path):
    store_record(tmp_path / "store", "adam", seed=0, target=np.zeros((6, 1, 8, 8), np.uint8))
    group = choose_table(read_records(records_folder))
    with pytest.raises(BenchError, match="dfi and adam were given different images"):
        open_study(group, ["dfi", "adam"], questions=4)


def test_one_table_is_chosen_by_a_part_of_its_title(records_folder, store_record, tmp_path):
    store_record(tmp_path / "store", "dfi", gan="lsgan")
    records = read_records(records_folder)
    assert choose_table(records, "LSGAN").title == "digits · lsgan · smoke"
    with pytest.raises(BenchError, match="fits 2, give a part of: digits · dcgan · smoke; digits · lsgan · smoke"):
        choose_table(records)
    with pytest.raises(BenchError, match="'wgan' fits 0"):
        choose_table(records, "wgan")
