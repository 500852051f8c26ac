import pytest
import torch

from bench.core.errors import BenchError, NotApplicable
from bench.core.options import create
from bench.core.types import Gan
from methods import acyclic

OPTIONS = {"width": 128, "batch": 32, "learning_rate": 2e-3}
METHODS = ["enc_image", "enc_latent", "dfi", "dfi_image"]


@pytest.fixture(scope="module")
def fitted():
    return {}


@pytest.fixture(params=METHODS)
def name(request):
    return request.param


@pytest.fixture
def method(name, fitted, ready, trained, made):
    """Each method is fitted once for all tests that only look at it."""
    if name not in fitted:
        before = trained.checksum()
        fitted[name] = ready(name, trained, **OPTIONS)
        fitted[name].fit(made)
        assert trained.checksum() == before, "the GAN changed"
    return fitted[name]


def test_it_learns(method, ready, trained, own, error):
    """On images it has not seen: a fraction of the random code's error, in the space that it was trained for."""
    floor = ready("random_code", trained)
    codes, images = own
    assert (
        error(trained, method.invert(images), images).mean()
        < 0.15 * error(trained, floor.invert(images), images).mean()
    )
    if method.trained_on == "generated codes":
        code_mse = (method.invert(images) - codes).square().mean()
        assert code_mse < 0.15 * (floor.invert(images) - codes).square().mean()


def test_pairs_of_others_teach_it_nothing(name, ready, trained, made, own, error, monkeypatch):
    """Each code, or image, is compared with that of the next image: the best answer is the mean."""
    right = acyclic.mse_loss
    monkeypatch.setattr(acyclic, "mse_loss", lambda found, wanted: right(found, wanted.roll(1, 0)))
    floor, (codes, images) = ready("random_code", trained), own
    method = ready(name, trained, **OPTIONS)
    method.fit(made)
    found = method.invert(images)
    assert error(trained, found, images).mean() > 0.3 * error(trained, floor.invert(images), images).mean()
    assert (found - codes).square().mean() > 0.3 * (floor.invert(images) - codes).square().mean()


def test_an_image_is_inverted_alone_as_in_a_batch(method, digits):
    x = digits.val.floats(slice(0, 8))
    together = method.invert(x)
    assert together.shape == (8, 6)
    assert together.dtype == torch.float32
    assert not together.requires_grad
    torch.testing.assert_close(torch.cat([method.invert(one[None]) for one in x]), together, atol=1e-5, rtol=1e-4)


def test_its_state_restores_it(method, name, ready, trained, digits):
    other = ready(name, trained, seed=9, **OPTIONS)
    x = digits.val.floats(slice(0, 8))
    assert not torch.equal(other.invert(x), method.invert(x))
    other.load_state(method.state())
    assert torch.equal(other.invert(x), method.invert(x))


def test_the_seed_decides_the_network(name, ready, trained, digits):
    def fit(seed):
        made = ready(name, trained, seed, budget={"fit_steps": 3}, **OPTIONS)
        made.fit(digits)
        return made.state()

    first, again, other = fit(1), fit(1), fit(2)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_an_interrupted_fit_resumes_bit_for_bit(name, ready, trained, digits, tmp_path):
    def start(checkpoint, progress=None):
        made = ready(name, trained, budget={"fit_steps": 6}, **OPTIONS)
        made.run.checkpoint, made.run.checkpoint_seconds = checkpoint, -1.0
        return made

    whole, cut, resumed = start(None), start(tmp_path / "fit.pt"), start(tmp_path / "fit.pt")
    whole.fit(digits)
    loss, calls = cut.loss, []

    def interrupted(images):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return loss(images)

    cut.loss = interrupted
    with pytest.raises(KeyboardInterrupt):
        cut.fit(digits)
    resumed.fit(digits)
    assert all(torch.equal(whole.state()[key], resumed.state()[key]) for key in whole.state())


def test_the_discriminator_is_recycled_or_trained_anew(method, name, trained):
    connection = sum(p.numel() for p in method.network.parameters())
    assert method.trained_parameters() == connection
    features, hidden, codes = 256, 128, 6
    alone = features * hidden + hidden * hidden + hidden * codes + 2 * hidden + codes + 4 * hidden
    trunk = sum(p.numel() for p in trained.discriminator.trunk.parameters())
    assert connection == (alone if name.startswith("dfi") else alone + trunk)


def test_a_gan_without_discriminator_is_not_served(name, ready, linear):
    with pytest.raises(NotApplicable, match="discriminator"):
        ready(name, linear)


def test_a_discriminator_without_trunk_gives_features_but_no_encoder(ready, linear):
    class Flat(torch.nn.Module):
        layers = ("last",)

        def features(self, x, layers):
            return [x]

    gan = Gan(linear.generator, Flat(), linear.prior, linear.image_shape)
    assert ready("dfi", gan).invert(torch.zeros(2, 1, 4, 4)).shape == (2, 3)
    with pytest.raises(NotApplicable, match="trunk"):
        ready("enc_latent", gan)


@pytest.mark.parametrize("options", [{"width": 100}, {"width": 64}, {"depth": -1}, {"batch": 1}])
def test_wrong_options_are_refused(options):
    with pytest.raises(BenchError, match=next(iter(options))):
        create("method", "dfi", options)
