import dataclasses
import hashlib

import pytest

from bench.core.declared import declared_options
from bench.core.types import Budget, Cell, ComponentSpec
from bench.harness.context import seed_of

CELL = Cell(
    ComponentSpec("digits"),
    ComponentSpec("dcgan", {"width": 8}),
    ComponentSpec("dfi+opt", {"batch": 8, "opt": {"learning_rate": 0.1}}),
    0,
    Budget("smoke", 0, 0, 0, 1, 1, 1, 1, 60.0),
    ("psnr",),
)


STAGES = ("train", "own", "sample", "fit", "invert")
OPT = {k: v for k, v in declared_options("refiner", "opt").items() if k != "learning_rate"}


def change(**parts) -> Cell:
    return dataclasses.replace(CELL, **parts)


def test_stages_and_seeds_draw_apart():
    seeds = {
        seed_of(stage, change(seed=seed))
        for stage in ("train", "own", "sample", "fit", "invert")
        for seed in range(3)
    }
    assert len(seeds) == 15
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_an_option_that_is_written_out_at_its_default_draws_the_same_seed():
    given = {
        "gan": ComponentSpec("dcgan", {"width": 8, "ema": 0.0}),
        "method": ComponentSpec("dfi+opt", {"batch": 8, "opt": {"learning_rate": 0.1, **OPT}}),
    }
    assert {seed_of(stage, CELL) == seed_of(stage, change(**given)) for stage in STAGES} == {True}
    without = change(method=ComponentSpec("dfi+opt", {"batch": 8}))
    assert seed_of("invert", without) == seed_of(
        "invert", change(method=ComponentSpec("dfi+opt", {"batch": 8, "opt": {}}))
    )


def test_a_seed_depends_on_names_and_options_alone():
    """Known values: a change of code must not draw other weights."""
    assert seed_of("train", CELL) == seed_of(
        "train", change(budget=Budget("cpu", 9, 9, 9, 9, 9, 9, 9, 9.0), metrics=())
    )
    text = '["train",["digits",{}],["dcgan",{"width":8}],[],0]'
    expected = int(hashlib.sha256(text.encode()).hexdigest()[:24], 16) % 2**63
    assert seed_of("train", CELL) == expected == 466272808353259934


@pytest.mark.parametrize("stage", ["train", "own", "sample", "fit", "invert"])
def test_the_dataset_and_the_gan_count_in_every_stage(stage):
    others = [
        change(dataset=ComponentSpec("digits", {"side": 32})),
        change(gan=ComponentSpec("dcgan")),
        change(gan=ComponentSpec("lsgan")),
    ]
    assert len({seed_of(stage, cell) for cell in [CELL, *others]}) == 4


def test_labels_and_the_choice_of_weights_do_not_count():
    assert seed_of("fit", change(gan=ComponentSpec("dcgan@best", {"width": 8}, "other"))) == seed_of("fit", CELL)


def test_what_cells_share_has_one_seed():
    plain = change(method=ComponentSpec("dfi", {"batch": 8}))
    assert seed_of("fit", plain) == seed_of("fit", CELL)
    assert seed_of("invert", plain) != seed_of("invert", CELL)
    other = change(method=ComponentSpec("gradient"))
    assert seed_of("own", other) == seed_of("own", CELL)
    assert seed_of("fit", other) != seed_of("fit", CELL)
