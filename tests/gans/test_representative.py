import pytest
import torch
from scipy import stats

from bench.core.errors import UnknownName
from bench.core.run_context import RunContext
from bench.core.types import Budget, Images
from bench.gans.representative import RFGAN, make_decoder, salt_and_pepper
from bench.gans.training import train_gan

BUDGET = Budget("tiny", 0, 0, 0, 3, 0, 0, 0, 600.0)
RECIPE = RFGAN(width=2, code_dim=4, batch=8, autoencoder_steps=4)


@pytest.fixture(scope="module")
def images() -> Images:
    return Images(torch.randint(0, 256, (64, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte())


def test_the_logit_depends_on_the_representation_beside_the_discriminators_own_map():
    torch.manual_seed(0)
    network = RECIPE.build((1, 28, 28), "cpu").freeze().discriminator
    x = torch.rand(3, 1, 28, 28)
    own, other = network.features(x, ("last", "representation"))
    joined = torch.cat([own.flatten(1), other.flatten(1)], 1)
    torch.testing.assert_close(network(x), joined @ network.head.weight[0] + network.head.bias)
    assert network.layers == ("actv14", "actv7", "actv4", "last", "representation")


def test_features_come_in_the_order_asked_for():
    gan = RECIPE.build((1, 28, 28), "cpu").freeze()
    x = torch.rand(2, 1, 28, 28)
    both = gan.features(x, ("representation", "actv7"))
    assert torch.equal(both, torch.cat([gan.features(x, ("representation",)), gan.features(x, ("actv7",))], 1))
    with pytest.raises(UnknownName, match="did you mean 'representation'"):
        gan.features(x, ("representations",))


def test_the_encoder_is_frozen_while_the_gan_trains(images):
    seen = []

    class Watching(RFGAN):
        def train_encoder(self, encoder, images, run):
            before = encoder.state_dict()["stages.actv14.0.weight"].clone()
            super().train_encoder(encoder, images, run)
            seen.append({name: tensor.clone() for name, tensor in encoder.state_dict().items()})
            assert not torch.equal(seen[0]["stages.actv14.0.weight"], before)

    Watching.registered_name = "rfgan"
    gan = train_gan(Watching(width=2, code_dim=4, batch=8, autoencoder_steps=4), images, RunContext(BUDGET, 0))
    for name, tensor in gan.discriminator.encoder.state_dict().items():
        assert torch.equal(tensor, seen[0][name]), name


def test_the_autoencoder_learns_to_undo_the_noise(digits_images):
    torch.manual_seed(0)
    losses = []
    recipe = RFGAN(width=4, batch=32, autoencoder_steps=60, learning_rate=2e-3)
    run = RunContext(BUDGET, 0)
    run.report = lambda **figures: losses.append(float(figures["autoencoder"]))
    recipe.train_encoder(recipe.build(digits_images.shape, "cpu").discriminator.encoder, digits_images, run)
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


@pytest.fixture
def digits_images() -> Images:
    from bench.core.options import create

    return create("dataset", "digits").load().train


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("where", ["autoencoder", "training"])
def test_an_interruption_in_either_phase_loses_nothing(images, tmp_path, monkeypatch, where):
    whole = train_gan(RECIPE, images, RunContext(BUDGET, 3)).checksum()
    started: list[str] = []
    loop = RunContext.loop

    def cut(self, what, steps, state, every=None):
        started.append(what)
        for step in loop(self, what, steps, state, every):
            if what == where and step == 2:
                raise Interrupted
            yield step

    def run() -> RunContext:
        return RunContext(BUDGET, 3, checkpoint=tmp_path / "loop.pt", checkpoint_seconds=-1.0)

    monkeypatch.setattr(RunContext, "loop", cut)
    with pytest.raises(Interrupted):
        train_gan(RECIPE, images, run())
    monkeypatch.undo()
    done = []
    monkeypatch.setattr(RunContext, "loop", lambda *a: (done.append((a[1], s)) or s for s in loop(*a)))
    assert train_gan(RECIPE, images, run()).checksum() == whole
    expected = {"autoencoder": [2, 3], "training": [2]}[where]
    assert [step for what, step in done if what == where] == expected
    if where == "training":
        assert "autoencoder" not in {what for what, _ in done}


def test_a_quarter_of_the_pixels_turn_black_or_white():
    x = torch.zeros(40, 3, 50, 50)
    noisy = salt_and_pepper(x, torch.Generator().manual_seed(0))
    assert torch.equal(noisy, noisy[:, :1].expand(-1, 3, -1, -1))  # all channels of a pixel alike
    counts = [int((noisy[:, 0] == value).sum()) for value in (-1.0, 0.0, 1.0)]
    expected = [100_000 * share for share in (0.125, 0.75, 0.125)]
    assert stats.chisquare(counts, expected).pvalue > 0.001


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 64, 64)])
def test_the_decoder_gives_images_of_the_datasets_shape(shape):
    filters = {28: 8, 32: 8, 64: 16}[shape[1]]
    made = make_decoder(shape, 2)(torch.zeros(2, filters, 4, 4))
    assert made.shape == (2, *shape)
