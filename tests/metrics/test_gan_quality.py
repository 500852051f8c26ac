import pytest
import torch

from bench.core.options import create
from bench.core.types import Dataset, Images
from bench.gans.dcgan import DCGAN
from bench.metrics.frechet import frechet_distance
from bench.metrics.gan_quality import quality_metric, quality_of


def pictures(count, seed):
    return Images(torch.randint(0, 256, (count, 1, 28, 28), generator=torch.Generator().manual_seed(seed)).byte())


@pytest.fixture
def data() -> Dataset:
    return Dataset("noise", pictures(8, 0), pictures(40, 1), test=pictures(8, 2))


def test_a_dataset_with_its_own_network_is_scored_through_it():
    assert quality_metric("fashion-mnist") == "fid@fashion-mnist-cnn"
    assert quality_metric("digits") is None


def test_the_score_is_the_frechet_distance_of_samples_to_val(data):
    torch.manual_seed(0)
    gan = DCGAN(width=2, code_dim=4).build((1, 28, 28), "cpu").freeze()
    score = quality_of(data, "fid@fashion-mnist-cnn", 5, "cpu")
    network = create("features", "fashion-mnist-cnn")
    network.load("cpu")
    made = gan.generator(gan.prior.sample(40, torch.Generator().manual_seed(5)))
    as_saved = ((made.clamp(-1, 1) + 1) / 2 * 255).round().byte()
    expected = frechet_distance(network.embed(data.val.data).features, network.embed(as_saved).features)
    assert score(gan) == pytest.approx(expected, rel=1e-5)
    assert score(gan) == score(gan)


def test_a_generator_of_the_val_images_themselves_scores_zero(data):
    class Copier(torch.nn.Module):
        def forward(self, codes):
            return data.val.floats(slice(0, len(codes)))

    gan = DCGAN(width=2, code_dim=4).build((1, 28, 28), "cpu")
    gan.generator = Copier()
    assert quality_of(data, "fid@fashion-mnist-cnn", 0, "cpu")(gan) == pytest.approx(0.0, abs=1e-3)
