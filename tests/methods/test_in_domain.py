import dataclasses
import math

import pytest
import torch
from torch.nn.functional import softplus

from bench.core.errors import BenchError, NotApplicable, UnknownName
from bench.core.options import create
from bench.core.types import Gan
from methods import in_domain

SMALL = {"width": 4, "widest": 16, "batch": 32, "learning_rate": 2e-3}


@pytest.fixture(scope="module")
def fitted():
    return {}


@pytest.fixture
def fit(fitted, ready, trained, made):
    """``fit(**options)``: each variant is fitted once for all tests that only look at it."""

    def make(**options):
        key = str(sorted(options.items()))
        if key not in fitted:
            before = trained.checksum()
            fitted[key] = ready("in_domain", trained, budget={"fit_steps": 80}, **SMALL, **options)
            fitted[key].fit(made)
            assert trained.checksum() == before, "the GAN changed"
        return fitted[key]

    return make


@pytest.fixture
def floor(ready, trained, own, error):
    return error(trained, ready("random_code", trained).invert(own[1]), own[1]).mean()


def test_the_encoder_learns_to_reconstruct(fit, trained, own, error, floor):
    method = fit(refine=False)
    images = own[1]
    assert error(trained, method.invert(images), images).mean() < 0.35 * floor


def test_errors_against_other_images_teach_the_encoder_nothing(ready, trained, made, own, error, floor, monkeypatch):
    """Pixels and features are compared with those of the next image."""
    right = in_domain.InDomain.encoder_loss
    monkeypatch.setattr(in_domain.InDomain, "encoder_loss", lambda self, x, made: right(self, x.roll(1, 0), made))
    method = ready("in_domain", trained, budget={"fit_steps": 80}, **SMALL, refine=False)
    method.fit(made)
    assert error(trained, method.invert(own[1]), own[1]).mean() > 0.5 * floor


def test_the_search_comes_closer_and_the_encoder_holds_it(fit, ready, trained, own, error):
    """Without the encoder's term pixels come closer; with it, codes stay near the encoder's of their images."""
    images = own[1][:24]
    encoded = fit(refine=False).invert(images)

    def searched(weight):
        method = ready("in_domain", trained, budget={"refine_steps": 30}, domain_weight=weight, **SMALL)
        method.load_state(fit(refine=False).state())
        codes = method.invert(images)
        with torch.no_grad():
            apart = (codes - method.encoder(trained.decode(codes))).square().mean()
            assert method.search_loss(images, codes).mean() < 0.9 * method.search_loss(images, encoded).mean()
        return codes, float(apart)

    (_, apart), (free, apart_freely) = searched(2.0), searched(0.0)
    assert error(trained, free, images).mean() < 0.9 * error(trained, encoded, images).mean()
    assert apart < 0.5 * apart_freely


def test_the_search_takes_the_budget_s_steps(fit, trained, own):
    """One generator call a step; the encoder alone takes none."""
    method, calls = fit(refine=False), trained.calls
    encoded = method.invert(own[1][:5])
    assert trained.calls == calls
    refined = dataclasses.replace(method)
    vars(refined).update(vars(method), refine=True)
    assert not torch.equal(refined.invert(own[1][:5]), encoded)
    assert trained.calls == calls + 5 * method.run.budget.refine_steps


def test_it_keeps_its_own_networks_alone(ready, trained):
    method = ready("in_domain", trained, **SMALL)
    assert list(method.networks()) == ["critic", "encoder"]


def test_each_term_is_the_paper_s(ready, trained, digits):
    method = ready("in_domain", trained, feature_layer="actv7", **SMALL)
    x, made = digits.val.floats(slice(0, 6)), digits.val.floats(slice(6, 12))
    logits = method.critic(made)[:, 0]
    assert logits.shape == (6,)
    maps = [trained.discriminator.features(images, ("actv7",))[0] for images in (x, made)]
    expected = (
        (x - made).square().mean() + 0.1 * (maps[0] - maps[1]).square().mean() + 0.08 * softplus(-logits).mean()
    )
    torch.testing.assert_close(method.encoder_loss(x, made), expected)
    real = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(method.critic(real).sum(), real)
    adversarial = softplus(-method.critic(x)).mean() + softplus(logits).mean()
    expected = adversarial + 5.0 * slope.square().flatten(1).sum(1).mean()
    torch.testing.assert_close(method.critic_loss(x, made), expected)


def test_the_encoder_s_loss_does_not_train_the_discriminator(ready, trained, digits):
    method = ready("in_domain", trained, **SMALL)
    x = digits.val.floats(slice(0, 6))
    method.encoder_loss(x, trained.decode(method.encoder(x))).backward()
    assert all(p.grad is None for p in method.critic.parameters())
    assert all(p.requires_grad for p in method.critic.parameters())
    assert all(p.grad is not None for p in method.encoder.parameters())


def test_its_loss_teaches_the_discriminator_to_tell_reconstructions(ready, trained, digits):
    method = ready("in_domain", trained, gamma=0.1, **SMALL)
    x = digits.val.floats(slice(0, 32))
    with torch.no_grad():
        made = trained.decode(method.encoder(x))
    optimizer = torch.optim.Adam(method.critic.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        loss = method.critic_loss(x, made)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert method.critic(x).mean() > method.critic(made).mean() + 1


def test_the_learning_rate_falls_to_0_41_of_itself(ready, trained, made, monkeypatch):
    seen = []
    original = torch.optim.Adam.step

    def noting(self, *args, **kwargs):
        seen.append(self.param_groups[0]["lr"])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", noting)
    ready("in_domain", trained, budget={"fit_steps": 8}, **SMALL).fit(made)
    rates = seen[::2]
    assert rates[0] == 2e-3
    assert rates[4] == pytest.approx(2e-3 * 0.8**2)
    assert rates[7] == pytest.approx(2e-3 * 0.8 ** (4 * 7 / 8))


def test_an_image_is_inverted_alone_as_in_a_batch(fit, digits):
    method = fit(refine=False)
    refined = dataclasses.replace(method)
    vars(refined).update(vars(method), refine=True)
    x = digits.val.floats(slice(0, 4))
    together = refined.invert(x)
    assert not together.requires_grad
    torch.testing.assert_close(torch.cat([refined.invert(one[None]) for one in x]), together, atol=1e-3, rtol=1e-3)


def test_an_interrupted_fit_resumes_bit_for_bit(ready, trained, digits, tmp_path):
    def start(checkpoint):
        method = ready("in_domain", trained, budget={"fit_steps": 5}, **SMALL)
        method.run.checkpoint, method.run.checkpoint_seconds = checkpoint, -1.0
        return method

    whole, cut, resumed = start(None), start(tmp_path / "fit.pt"), start(tmp_path / "fit.pt")
    whole.fit(digits)
    loss, calls = cut.encoder_loss, []

    def interrupted(x, made):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return loss(x, made)

    cut.encoder_loss = interrupted
    with pytest.raises(KeyboardInterrupt):
        cut.fit(digits)
    resumed.fit(digits)
    assert all(torch.equal(whole.state()[key], resumed.state()[key]) for key in whole.state())


@pytest.mark.parametrize("space", ["w", "w+"])
def test_codes_may_be_styles_and_start_in_their_middle(space, ready):
    torch.manual_seed(0)
    gan = create("gan", "stylegan", {"width": 4, "code_dim": 6}).build((1, 32, 32), "cpu").freeze()
    view = gan.view(space)
    method = ready("in_domain", view, space=space, budget={"fit_steps": 1, "refine_steps": 1}, **SMALL)
    assert method.capacity == space
    with torch.no_grad():
        method.encoder.head.weight.zero_()
        codes = method.encoder.eval()(torch.zeros(1, 1, 32, 32))
    torch.testing.assert_close(codes[0], view.prior.mean, atol=0.1 * float(view.prior.std.max()), rtol=0)
    assert method.invert(torch.zeros(2, 1, 32, 32)).shape == (2, view.code_dim)


def test_without_features_no_discriminator_is_needed(ready, trained, made):
    alone = Gan(trained.generator, None, trained.prior, trained.image_shape)
    with pytest.raises(NotApplicable, match="no discriminator"):
        ready("in_domain", alone, **SMALL)
    method = ready("in_domain", alone, features="none", budget={"fit_steps": 1, "refine_steps": 1}, **SMALL)
    method.fit(made)
    x = made.val.floats(slice(0, 3))
    assert method.invert(x).shape == (3, 6)
    assert torch.equal(method.feature_error(x, x * 0), torch.zeros(3))


def test_images_too_small_or_unknown_layers_are_refused(ready, linear, trained):
    with pytest.raises(NotApplicable, match="from 8 pixels on, not 4 x 4"):
        ready("in_domain", linear, features="none")
    with pytest.raises(UnknownName, match="did you mean 'actv14'"):
        ready("in_domain", trained, feature_layer="actv144")


@pytest.mark.parametrize(
    "options",
    [
        {"width": 0},
        {"batch": 1},
        {"domain_weight": -1.0},
        {"gamma": -math.inf},
        {"feature_layer": "last", "features": "none"},
        {"space": "w-"},
    ],
)
def test_wrong_options_are_refused_in_one_line(options):
    with pytest.raises(BenchError, match=next(iter(options))) as caught:
        create("method", "in_domain", options)
    assert "\n" not in str(caught.value)
