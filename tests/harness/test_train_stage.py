import pytest
import torch

from bench.core.errors import ContractError
from bench.core.types import Budget, Cell, ComponentSpec
from bench.harness.context import HarnessContext
from bench.harness.keys import keys_of
from bench.harness.store import Store
from bench.harness.train_stage import train

BUDGET = Budget("smoke", 0, 8, 8, 4, 0, 0, 0, 60.0, looks=4)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A store, and digits whose GANs are scored by a falling, then rising number."""
    scores = iter([3.0, 1.0, 2.0, 4.0])
    monkeypatch.setattr("bench.harness.train_stage.quality_metric", lambda name: "fid@fashion-mnist-cnn")
    monkeypatch.setattr("bench.harness.train_stage.quality_of", lambda *args: lambda gan: next(scores))
    return HarnessContext(Store(tmp_path / "store"), "cpu")


def cell(gan: str, budget: Budget = BUDGET) -> Cell:
    return Cell(
        ComponentSpec("digits"),
        ComponentSpec(gan, {"width": 2, "code_dim": 4, "batch": 8}),
        ComponentSpec("dfi"),
        0,
        budget,
        (),
    )


def weights(gan):
    return torch.cat([p.flatten() for p in gan.generator.parameters()])


def test_best_and_last_come_from_one_training(bench):
    last, meta = train(bench, cell("dcgan"), keys_of(cell("dcgan")))
    best, again = train(bench, cell("dcgan@best"), keys_of(cell("dcgan@best")))
    assert not torch.equal(weights(last), weights(best))
    assert meta == again
    assert [entry["quality"] for entry in meta["history"]] == [3.0, 1.0, 2.0, 4.0]
    assert len(list((bench.store.root / "train").iterdir())) == 1
    assert torch.equal(weights(train(bench, cell("dcgan@last"), keys_of(cell("dcgan@last")))[0]), weights(last))


def test_what_follows_is_kept_apart():
    last, best = (keys_of(cell(name)) for name in ("dcgan", "dcgan@best"))
    assert last.train == best.train
    assert len({last.fit, best.fit}) == 2
    assert len({last.cell, best.cell}) == 2


def test_best_weights_that_nobody_measured_are_refused(tmp_path):
    plain = HarnessContext(Store(tmp_path), "cpu")
    with pytest.raises(
        ContractError, match=r"dcgan@best: its quality was never measured; .* looks > 0, .* digits-cnn"
    ):
        train(plain, cell("dcgan@best"), keys_of(cell("dcgan@best")))


def test_the_number_of_looks_is_part_of_the_key_only_where_there_is_a_network():
    import dataclasses

    none = dataclasses.replace(BUDGET, looks=0)
    assert keys_of(cell("dcgan", none)).train == keys_of(cell("dcgan")).train
