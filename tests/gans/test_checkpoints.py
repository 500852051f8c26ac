import json

import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file

from bench.core.errors import UnknownName, WeightsError
from bench.core.types import Gan
from bench.gans.checkpoints import load_gan, save_gan
from bench.gans.dcgan import DCGAN
from bench.gans.priors import Normal


@pytest.fixture
def gan() -> Gan:
    torch.manual_seed(0)
    return DCGAN(width=2, code_dim=4, prior="normal").build((3, 32, 32), "cpu").freeze()


@pytest.fixture
def saved(gan, tmp_path):
    path = tmp_path / "gan.safetensors"
    save_gan(gan, path, {"dataset": "digits", "steps": 7})
    return path


def rewrite(path, change):
    """Apply ``change(tensors, header)`` to a saved file."""
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["ganinv"])
    change(tensors, header)
    save_file(tensors, path, {"ganinv": json.dumps(header)})


def test_a_gan_comes_back_equal_and_frozen(gan, saved):
    loaded = load_gan(saved)
    assert loaded.checksum() == gan.checksum()
    assert loaded.prior == Normal(4)
    assert loaded.image_shape == (3, 32, 32)
    assert not loaded.generator.training
    assert not any(p.requires_grad for m in loaded.modules() for p in m.parameters())
    z = loaded.prior.sample(2, torch.Generator().manual_seed(0))
    assert torch.equal(loaded.decode(z), gan.decode(z))


def test_its_provenance_says_where_it_came_from(gan, saved):
    found = load_gan(saved).provenance
    assert found["recipe"] == "dcgan"
    assert found["options"] == gan.provenance["options"]
    assert found["file"] == "gan.safetensors"
    assert len(found["sha256"]) == 64
    assert found["metadata"] == {"dataset": "digits", "steps": 7}


def test_equal_gans_give_equal_bytes(gan, saved, tmp_path):
    save_gan(load_gan(saved), tmp_path / "again", {"dataset": "digits", "steps": 7})
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()


def test_half_precision_halves_the_file_and_keeps_three_digits(gan, saved, tmp_path):
    save_gan(gan, tmp_path / "half", half=True)
    assert (tmp_path / "half").stat().st_size < 0.65 * saved.stat().st_size
    loaded = load_gan(tmp_path / "half")
    for a, b in zip(gan.modules(), loaded.modules(), strict=True):
        for name, tensor in a.state_dict().items():
            assert b.state_dict()[name].dtype == tensor.dtype
            torch.testing.assert_close(b.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


def test_values_beyond_half_precision_are_refused(gan, tmp_path):
    gan.generator[2].running_var.fill_(1e6)
    with pytest.raises(WeightsError, match="running_var has values that 16 bits cannot hold"):
        save_gan(gan, tmp_path / "half", half=True)
    assert list(tmp_path.iterdir()) == []


def test_a_gan_without_a_recipe_cannot_be_saved(gan, tmp_path):
    with pytest.raises(WeightsError, match="names no recipe"):
        save_gan(Gan(gan.generator, None, gan.prior, gan.image_shape), tmp_path / "x")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match="nowhere: no such file"):
        load_gan(tmp_path / "nowhere")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        load_gan(saved)


def test_another_kind_of_file_is_refused(saved):
    torch.save({"a": torch.zeros(1)}, saved)
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        load_gan(saved)


def test_safetensors_of_another_program_are_refused(saved):
    save_file({"a": torch.zeros(1)}, saved)
    with pytest.raises(WeightsError, match="no 'ganinv' header"):
        load_gan(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, h: t.pop("discriminator.head.bias"), "discriminator.head.bias is missing"),
        (lambda t, h: t.update(extra=torch.zeros(1)), "extra is not part of the architecture"),
        (lambda t, h: t.update({"discriminator.head.bias": torch.zeros(2)}), r"head.bias has shape \(2,\).* \(1,\)"),
        (lambda t, h: t["discriminator.head.bias"].fill_(torch.nan), "head.bias holds NaN"),
        (lambda t, h: h["options"].update(width=3), r"discriminator.head.weight has shape \(1, 128\).* \(1, 192\)"),
        (lambda t, h: h.pop("image_shape"), "lacks a recipe, options or an image shape"),
    ],
)
def test_weights_that_do_not_fit_are_named(saved, change, message):
    rewrite(saved, change)
    with pytest.raises(WeightsError, match=message):
        load_gan(saved)


def test_an_unknown_recipe_is_named_with_the_file(saved):
    rewrite(saved, lambda t, h: h.update(recipe="dcgann"))
    with pytest.raises(UnknownName, match=r"gan.safetensors: unknown gan 'dcgann'; did you mean 'dcgan'"):
        load_gan(saved)
