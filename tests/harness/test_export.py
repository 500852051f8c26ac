import pytest

from bench.api import run_suite
from bench.core.errors import BenchError
from bench.gans.checkpoints import load_gan
from bench.harness.export import export_gans, models_table
from bench.harness.inspect import describe


@pytest.fixture
def scored(monkeypatch):
    """Digits have no feature network of their own: give their GANs a score that counts its calls."""
    calls = iter(range(100))
    monkeypatch.setattr("bench.harness.train_stage.quality_metric", lambda name: "fid@fashion-mnist-cnn")
    monkeypatch.setattr("bench.harness.train_stage.quality_of", lambda *args: lambda gan: float(next(calls)))
    monkeypatch.setattr("bench.metrics.gan_quality.quality_of", lambda *args: lambda gan: 7.25)


def test_a_trained_gan_is_written_with_its_facts_and_its_grid(tiny_suite, tmp_path, scored):
    tiny_suite.write_text(tiny_suite.read_text().replace("train_steps = 12", "train_steps = 12\nlooks = 3"))
    run_suite(str(tiny_suite), methods=["random_code"])
    (path,) = export_gans(str(tiny_suite), "smoke", 0, tmp_path / "models")
    assert path == tmp_path / "models" / "digits" / "dcgan.safetensors"
    assert sorted(p.name for p in path.parent.iterdir()) == ["README.md", "dcgan.png", "dcgan.safetensors"]
    facts = load_gan(path).provenance["metadata"]
    assert {k: facts[k] for k in ("dataset", "seed", "train_steps", "quality", "best_quality", "best_step")} == {
        "dataset": "digits",
        "seed": 0,
        "train_steps": 12,
        "quality": 7.25,
        "best_quality": 0.0,
        "best_step": 4,
    }
    assert facts["quality_metric"] == "fid@fashion-mnist-cnn, 143 samples against as many val images"
    assert (
        (path.parent / "README.md").read_text().startswith(f"# GANs trained on digits\n\n{models_table(path.parent)}")
    )
    (row,) = models_table(path.parent).splitlines()[2:]
    assert row.startswith("| dcgan | 8 | 128 | 12 | 0 | 7.25 | 0.00 at 4 |")


def test_without_a_feature_network_the_quality_is_left_open(tiny_suite, tmp_path):
    run_suite(str(tiny_suite), methods=["random_code"])
    (path,) = export_gans(str(tiny_suite), "smoke", 0, tmp_path)
    assert "quality" not in load_gan(path).provenance["metadata"]
    assert "| – | – |" in models_table(path.parent)


def test_a_gan_that_is_not_trained_yet_is_named(tiny_suite, tmp_path):
    with pytest.raises(BenchError, match="dcgan with seed 0 is not trained yet; ganinv run"):
        export_gans(str(tiny_suite), "smoke", 0, tmp_path)
    assert not list(tmp_path.glob("**/*.safetensors"))


def test_show_prints_the_facts_of_a_gan_that_ships():
    ((title, rows),) = describe("fashion-mnist/dcgan", "gan")
    shown = dict(rows)
    assert title == "GAN fashion-mnist/dcgan"
    assert shown["recipe"] == "dcgan"
    assert shown["seed"] == "0"
    assert len(shown["sha256"]) == 64
    assert shown["samples"].endswith("dcgan.png")
