"""The study of SCGAN's window: verdicts on made-up numbers, what is measured on tiny networks, the command."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from bench.core.types import Images
from bench.gans.scgan import SCGAN
from bench.gans.scgan_networks import networks_of
from bench.metrics.base import to_u8
from bench.studies.base import StudyRequest
from bench.studies.feature_networks import GROUPS
from bench.studies.scgan_windows import BASELINE, CROP, MEANING, OTHER, Crops, Drawn, pictures, printed, reconstruct

OF_PAPER = {"lpips": "alex", "fid": "inception"}


@pytest.fixture(scope="module")
def gan():
    torch.manual_seed(0)
    return SCGAN(width=2, code_dim=6, connection_width=128).build((3, 64, 64), "cpu").freeze()


@pytest.fixture(scope="module")
def images() -> Images:
    return Images(torch.randint(0, 256, (10, 3, 64, 64), generator=torch.Generator().manual_seed(0)).byte())


def crops(gap, fid_gap, spread=1e-4, networks=OF_PAPER):
    """Windows whose LPIPS and FID differ by these gaps, with replicates that spread so much."""
    rng = np.random.RandomState(0)
    lpips, fid = np.array([0.2, 0.2 + gap, 0.6]), np.array([30.0, 30.0 + fid_gap, 90.0])
    noise = spread * rng.normal(size=(1000, 3))
    errors = {name: np.full(4, 0.1) for name in MEANING}
    drawn = Drawn({}, errors, {"window": 0.01, "surroundings": 0.1}, {"window": 0.2, "surroundings": 0.4})
    return Crops(lpips, lpips + noise, fid, fid + 20 * noise[:GROUPS], drawn, networks)


@pytest.mark.parametrize(
    ("gap", "fid_gap", "spread", "expected"),
    [
        (0.002, 0.4, 1e-4, ["holds", "holds"]),
        (-0.002, -0.4, 1e-4, ["holds", "holds"]),
        (0.02, 0.4, 1e-4, ["fails", "holds"]),
        (0.002, 4.0, 1e-4, ["holds", "fails"]),
        (0.005, 0.4, 1e-3, ["cannot tell", "holds"]),
    ],
)
def test_c22_asks_for_both_gaps_to_be_within_the_tolerance(gap, fid_gap, spread, expected):
    verdict = crops(gap, fid_gap, spread).verdict()
    assert [e.outcome for e in verdict.evidence] == expected
    assert verdict.outcome == min(expected, key=["fails", "cannot tell", "holds"].index)
    assert verdict.published is True


def test_through_another_network_the_tolerance_is_the_same_share_of_the_baseline():
    theirs = np.mean([values["y_center"] for (_, metric), values in printed().items() if metric == "fid"])
    networks = {"lpips": "alex", "fid": "drawn-faces-cnn"}
    for share, expected in ((0.9, "holds"), (1.1, "fails")):
        found = crops(0.0, share * 30.0 / theirs, 1e-6, networks)
        verdict = dataclasses.replace(found, fid=10 * found.fid, fid_replicates=10 * found.fid_replicates).verdict()
        assert [e.outcome for e in verdict.evidence] == ["holds", expected]
        assert verdict.evidence[0].stand_in == ""
        assert verdict.evidence[1].stand_in.startswith("drawn-faces-cnn stands in for inception")


def test_printed_values_are_those_of_section_4_8():
    assert printed()["CelebA", "lpips"] == {BASELINE: 0.1673, CROP: 0.1646}
    assert printed()["CatHead", "fid"] == {BASELINE: 32.64, CROP: 33.03}
    assert crops(0.0, 0.0).frame()["published_fid_CelebA"].tolist()[:2] == [31.24, 31.70]


def test_variation_is_told_as_a_share_of_that_over_images():
    assert crops(0.0, 0.0).variation()["share"].tolist() == pytest.approx([0.05, 0.25])


def test_windows_are_inverted_and_drawn_again(gan, images):
    """Against the networks called one by one, in any batches."""
    drawn = reconstruct(gan, images, StudyRequest(seed=3))
    generator, discriminator = networks_of(gan)
    z = discriminator.infer(images.floats(slice(None))[:, :, 16:48, :32])
    edge = torch.randn((1, 10, 3), generator=torch.Generator().manual_seed(3))[0]
    crop, other = (generator.full(torch.cat([c, edge], 1))[:, :, 16:48, :32] for c in (z, z.roll(-1, 0)))
    expected = {BASELINE: generator.centre(z), CROP: crop, OTHER: other}
    for name, windows in expected.items():
        assert int((drawn.windows[name].int() - to_u8(windows).int()).abs().max()) <= 1, name
        error = (discriminator.infer(windows) - z).abs().mean(1)
        assert drawn.code_errors[name] == pytest.approx(error.numpy(), rel=1e-3, abs=1e-5)
    assert [len(part) for part in drawn.at(slice(2, 5))] == [3, 3, 3]


def test_surroundings_that_follow_z_edge_vary_and_a_window_that_ignores_it_does_not(gan, images, monkeypatch):
    generator, _ = networks_of(gan)

    def full(codes):
        shade = torch.tanh(codes[:, 3]).view(-1, 1, 1, 1).expand(-1, 3, 64, 64)
        return generator.window.paste(shade, torch.tanh(codes[:, :1]).view(-1, 1, 1, 1).expand(-1, 3, 32, 32))

    monkeypatch.setattr(generator.full, "forward", full)
    drawn = reconstruct(gan, images, StudyRequest())
    assert drawn.over_edges["window"] == pytest.approx(0.0, abs=1e-6)
    assert drawn.over_images["window"] > 1e-3
    edges = torch.randn((8, 10, 3), generator=torch.Generator().manual_seed(0))[..., 0]
    assert drawn.over_edges["surroundings"] == pytest.approx(float(torch.tanh(edges).std(0).mean()), rel=1e-4)


def test_pictures_show_the_input_and_glue_the_last_draw(gan, images):
    shown = pictures(gan, images, 2, StudyRequest())
    headings = ["test image", "input window", "y_center", "y_full, z_edge 1", "y_full, z_edge 2", "y_glue, z_edge 2"]
    assert list(shown.columns) == headings
    assert np.array_equal(shown.columns["test image"], images.data[:4].numpy())
    glued, full = shown.columns["y_glue, z_edge 2"], shown.columns["y_full, z_edge 2"]
    assert np.array_equal(glued[:, :, 16:48, :32], shown.columns["y_center"])
    assert np.array_equal(glued[:, :, :, 32:], full[:, :, :, 32:])


DIGITS = "digits?side=64"
FACES = "drawn-faces?train=16&val=2&test=40"
TINY = "gan=scgan?width=2&code_dim=6&batch=4&connection_width=128"


def test_the_command_writes_a_report_and_reads_the_gan_again(call, picture, tmp_path):
    words = ("study", "scgan-crop", "--dataset", DIGITS, "--images", 40, "--network", "fashion-mnist-cnn")
    words += ("--option", TINY, "--option", "resize=28", "--option", "train_steps=5")
    code, text, errors = call(*words, "--out", tmp_path / "one")
    assert code == 0, errors
    assert "C22" in text
    content = json.loads((tmp_path / "one" / "study.json").read_text())
    assert content["protocol"]["window"] == [16, 0, 32, 32]
    assert [row["window"] for row in content["tables"]["The window"]] == list(MEANING)
    assert [row["part"] for row in content["tables"]["What z_edge changes"]] == ["window", "surroundings"]
    drawn = picture(tmp_path / "one" / "figure.png")
    assert min(drawn.shape) > 300
    assert len(np.unique(drawn)) > 100, "the windows are shown in their grey levels"
    assert call(*words, "--out", tmp_path / "two")[0] == 0
    for name in ("table.csv", "study.json", "figure.png"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), name


MISTAKES = {
    "another GAN": (["gan=sngan"], "has no window; scgan is the GAN that has one"),
    "a position that does not exist": (["gan=scgan?window=left"], "option window = 'left' should be one of"),
    "windows too small for the network": ([TINY], "--option resize=SIDE enlarges windows for it"),
    "one edge": (["edges=1"], "expected 2 to 8"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line(call, tmp_path, mistake):
    options, message = MISTAKES[mistake]
    more = [word for option in options for word in ("--option", option)]
    out = tmp_path / "out"
    words = ("--dataset", FACES, "--network", "drawn-faces-cnn", *more, "--out", out)
    code, _, errors = call("study", "scgan-crop", *words)
    assert code == 2
    assert message in errors
    assert "Traceback" not in errors
    assert not out.exists()


def test_images_of_another_size_are_not_applicable(call, boxes, tmp_path):
    words = ("study", "scgan-crop", "--dataset", "boxes", "--plugin", boxes, "--network", "fashion-mnist-cnn")
    code, _, errors = call(*words, "--out", tmp_path / "out")
    assert code == 2
    assert "scgan has no architecture for 28x28 images; it has 64x64, 128x128" in errors
