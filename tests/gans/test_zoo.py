"""The GANs that ship: the nine of the papers, small, whole, and not collapsed."""

import pytest
import torch

from bench.core.errors import UnknownName
from bench.core.options import create
from bench.core.paths import shipped_folder
from bench.core.types import ComponentSpec
from bench.gans.checkpoints import load_gan
from bench.gans.monitor import check_variety
from bench.gans.zoo import refuse_options, shipped_gans

NINE = ("dcgan", "lsgan", "dfm", "rfgan", "sngan", "wgan-gp", "gan", "gan-noise", "wgan")


@pytest.mark.parametrize("name", NINE)
def test_a_model_loads_and_draws_various_images(name):
    gan = load_gan(shipped_gans()[f"fashion-mnist/{name}"])
    facts = gan.provenance["metadata"]
    assert gan.provenance["recipe"] == name
    assert gan.image_shape == (1, 28, 28)
    assert facts["dataset"] == "fashion-mnist"
    assert {"seed", "train_steps", "quality", "best_quality", "best_step", "commit"} <= facts.keys()
    check_variety(gan, create("dataset", "digits").load().train, 0)  # pictures of the same size, always at hand
    images = gan.decode(gan.prior.sample(64, torch.Generator().manual_seed(0)))
    assert float(images.abs().max()) <= 1.0


def test_all_of_them_take_less_than_25_megabytes():
    assert sum(path.stat().st_size for path in shipped_folder().rglob("*")) < 25e6


def test_a_gan_from_a_file_has_no_options_and_others_keep_theirs():
    path = shipped_gans()["fashion-mnist/dcgan"]
    for name in ("fashion-mnist/dcgan", f"checkpoint:{path}"):
        refuse_options(ComponentSpec(name))
        with pytest.raises(
            UnknownName, match=r"unknown option 'psi'; a GAN that is read from a file has no options$"
        ):
            refuse_options(ComponentSpec(name, {"psi": 0.5}))
    refuse_options(ComponentSpec("dcgan", {"width": 8}))
    refuse_options(ComponentSpec("factory:some.module:make", {"anything": 1}))
