import torch
from PIL import Image

from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.dcgan import DCGAN
from bench.gans.monitor import TrainingMonitor, chosen_steps
from bench.gans.training import train_gan

RECIPE = DCGAN(width=2, code_dim=4, batch=8)


def images() -> Images:
    return Images(torch.randint(0, 256, (64, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte())


def run(steps=6, **options) -> RunContext:
    return RunContext(Budget("tiny", 0, 0, 0, steps, 0, 0, 0, 600.0), 0, **options)


def test_quality_is_asked_for_at_even_steps_and_at_the_end():
    assert chosen_steps(2000, 5) == {400, 800, 1200, 1600, 2000}
    assert chosen_steps(7, 2) == {4, 7}
    assert chosen_steps(2, 5) == {1, 2}
    assert chosen_steps(100, 0) == set()


class Scores:
    """Gives these scores one after the other, and keeps the weights that it was shown."""

    def __init__(self, *values):
        self.values, self.seen = list(values), []

    def __call__(self, gan):
        assert not gan.generator.training
        self.seen.append(gan.checksum())
        return self.values[len(self.seen) - 1]


def test_the_best_weights_are_those_of_the_lowest_score():
    scores = Scores(3.0, 1.0, 2.0)
    watch = TrainingMonitor(quality=scores, looks=3)
    gan = train_gan(RECIPE, images(), run(), watch)
    assert watch.history == [{"step": s, "quality": q} for s, q in ((2, 3.0), (4, 1.0), (6, 2.0))]
    assert gan.checksum() == scores.seen[2]
    for module, state in zip(gan.modules(), watch.best, strict=True):
        module.load_state_dict(state)
    assert gan.checksum() == scores.seen[1]


def test_scoring_does_not_change_the_training():
    plain = train_gan(RECIPE, images(), run()).checksum()
    assert (
        train_gan(RECIPE, images(), run(), TrainingMonitor(quality=Scores(1.0, 2.0, 3.0), looks=3)).checksum()
        == plain
    )


def test_an_average_is_scored_as_it_will_be_kept():
    recipe, scores = DCGAN(width=2, code_dim=4, batch=8, ema=0.9), Scores(1.0)
    assert train_gan(recipe, images(), run(), TrainingMonitor(quality=scores, looks=1)).checksum() == scores.seen[0]


def test_history_and_best_weights_survive_an_interruption(tmp_path):
    class Stop(Exception):
        pass

    def failing(gan):
        if len(first.history) == 2:
            raise Stop
        return [3.0, 1.0][len(first.history)]

    first = TrainingMonitor(quality=failing, looks=3)
    options = {"checkpoint": tmp_path / "loop.pt", "checkpoint_seconds": -1.0}
    try:
        train_gan(RECIPE, images(), run(**options), first)
    except Stop:
        second = TrainingMonitor(quality=lambda gan: 2.0, looks=3)
        train_gan(RECIPE, images(), run(**options), second)
    assert second.history == [{"step": s, "quality": q} for s, q in ((2, 3.0), (4, 1.0), (6, 2.0))]
    whole = TrainingMonitor(quality=Scores(3.0, 1.0, 2.0), looks=3)
    train_gan(RECIPE, images(), run(), whole)
    for mine, other in zip(second.best, whole.best, strict=True):
        assert all(torch.equal(mine[name], other[name]) for name in other)


def test_a_grid_is_drawn_at_the_end_even_without_steps(tmp_path):
    train_gan(RECIPE, images(), run(0), TrainingMonitor(tmp_path / "grid.png"))
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (8 * 29 + 1, 8 * 29 + 1)
