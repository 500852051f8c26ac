"""Methods on every kind of network: residual with spectral norm, styles, fully connected."""

import pytest
import torch

from bench.core.errors import NotApplicable
from bench.core.options import create
from bench.core.types import FitData, Images

NETWORKS = {
    "biggan-small": ((3, 32, 32), {"width": 4, "code_dim": 6}),
    "stylegan": ((1, 32, 32), {"width": 4, "code_dim": 6}),
    "mlp": ((2, 1, 1), {"width": 16, "code_dim": 2}),
}
BUDGET = {"fit_steps": 1, "search_steps": 2}


@pytest.fixture(params=NETWORKS)
def gan(request):
    shape, options = NETWORKS[request.param]
    torch.manual_seed(0)
    return create("gan", request.param, options).build(shape, "cpu").freeze()


@pytest.mark.parametrize(
    ("name", "options"),
    [("dfi", {"width": 128, "batch": 4}), ("enc_latent", {"width": 128, "batch": 4}), ("gradient", {"rec": "mse"})],
)
def test_methods_run_on_every_backbone(gan, ready, name, options):
    x = torch.rand(5, *gan.image_shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    before = gan.checksum()
    method = ready(name, gan, budget=BUDGET, **options)
    method.fit(FitData("made", Images(x), Images(x)))
    codes = method.invert(x)
    assert codes.shape == (5, gan.code_dim)
    assert codes.isfinite().all()
    torch.testing.assert_close(method.invert(x[2:3]), codes[2:3], rtol=1e-2, atol=1e-3)
    assert gan.checksum() == before


@pytest.mark.parametrize("space", ["w", "w+"])
def test_a_search_of_styles_comes_closer_to_an_image(ready, error, space):
    shape, options = NETWORKS["stylegan"]
    torch.manual_seed(0)
    gan = create("gan", "stylegan", options).build(shape, "cpu").freeze()
    x = gan.decode(gan.prior.sample(3, torch.Generator().manual_seed(1)))
    found = {}
    for steps in (0, 30):
        method = ready("gradient", gan.view(space), budget={"search_steps": steps}, rec="mse", beta=0.0, space=space)
        assert method.capacity == space
        found[steps] = error(method.gan, method.invert(x), x)
    assert (found[30] < found[0]).all()


def test_the_space_of_a_search_is_its_capacity():
    assert create("method", "gradient").capacity == "z"
    assert create("method", "dfi").capacity == "z"


def test_a_method_for_styles_does_not_apply_elsewhere():
    gan = create("gan", "mlp").build((2, 1, 1), "cpu")
    with pytest.raises(NotApplicable, match="no w"):
        gan.view(create("method", "gradient", {"space": "w"}).capacity)
