"""Figures and the folder of reports."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.text import Text

import bench
from bench.core.errors import BenchError, NotApplicable, StoreError
from bench.reports import figure
from bench.reports.figure import quality_versus_cost, reconstructions
from bench.reports.groups import groups, only_group
from bench.reports.leaderboard import boards_of, leaderboards
from bench.reports.write import Reported, write_reports


def reported(records, **more):
    """What is to be said of these records."""
    found = groups(records)
    return Reported("q", found, boards_of(found, "psnr", "q"), **more)


def gallery(channels=1, seed=0):
    rng = np.random.default_rng(0)
    target = rng.integers(256, size=(4, channels, 8, 8), dtype=np.uint8)
    return target, np.random.default_rng(seed).integers(256, size=target.shape, dtype=np.uint8)


@pytest.fixture
def drawn(monkeypatch):
    """Figures that would have been saved."""
    figures = []
    monkeypatch.setattr(figure, "save_figure", lambda made, path: figures.append(made) or path)
    return figures


@pytest.mark.parametrize("channels", [1, 3])
def test_reconstructions_are_drawn(make, tmp_path, channels):
    records = [make(m, images={"psnr": np.arange(9.0)}, gallery=gallery(channels, i)) for i, m in enumerate("ab")]
    pixels = matplotlib.image.imread(reconstructions(only_group(records), tmp_path / "out" / "r.png"))
    assert pixels.shape[0] > 300
    assert pixels[..., :3].std() > 0.1


@pytest.mark.parametrize(("images", "shown"), [(8, "4 images kept"), (4, None)])
def test_the_line_above_says_how_many_images_are_kept_and_fits(make, tmp_path, drawn, images, shown):
    group = only_group([make("a", images={"psnr": np.arange(9.0)}, gallery=gallery(), label="L")])
    reconstructions(group, tmp_path / "r.png", images=images)
    (made,) = drawn
    made.draw_without_rendering()
    title = made._suptitle
    assert ("kept" in title.get_text()) == bool(shown)
    assert shown is None or shown in title.get_text().replace("\n", " ")
    extent = title.get_window_extent()
    assert extent.x0 >= 0
    assert extent.x1 <= made.bbox.width


@pytest.mark.parametrize(("images", "methods", "name"), [(2, 5, "a name " * 9), (8, 1, "a name that is long")])
def test_pictures_are_square_and_nothing_covers_anything(make, tmp_path, drawn, images, methods, name):
    names = [name, *map(str, range(methods - 1))]
    kept = np.zeros((images, 1, 8, 8), np.uint8)
    records = [make(m, images={"psnr": np.full(9, 23.4567)}, gallery=(kept, kept)) for m in names]
    reconstructions(only_group(records), tmp_path / "r.png", images=images)
    (made,) = drawn
    made.draw_without_rendering()
    (axes,) = made.axes
    pictures = [picture.get_window_extent() for picture in axes.images]
    assert len(pictures) == images * (methods + 1)
    (side,) = {round(side) for box in pictures for side in (box.width, box.height)}
    assert side > 0.4 * made.dpi
    texts = [text for text in (made._suptitle, *axes.texts) if text.get_text()]
    assert [text.get_text() for text in texts].count("23.5") == images * methods
    boxes = pictures + [text.get_window_extent() for text in texts]
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    assert made.bbox.padded(0.5).count_contains([c for box in boxes for c in box.corners()]) == 4 * len(boxes)


def test_methods_must_have_seen_the_same_images(make, tmp_path):
    target, output = gallery()
    records = [make("a", gallery=(target, output)), make("b", gallery=(255 - target, output))]
    with pytest.raises(BenchError, match="b and a were given different images"):
        reconstructions(only_group(records), tmp_path / "r.png")


def test_a_damaged_gallery_is_named(make, tmp_path):
    record = make("a", gallery=gallery())
    (tmp_path / "a-0.npz").write_bytes(b"junk")
    with pytest.raises(BenchError, match=r"cannot read gallery .*a-0\.npz"):
        reconstructions(only_group([record]), tmp_path / "r.png")


def test_nothing_to_draw_is_said(make, tmp_path):
    points = (np.zeros((4, 2, 1, 1), np.uint8),) * 2
    with pytest.raises(NotApplicable, match="no record keeps pictures"):
        reconstructions(only_group([make("a", gallery=points)]), tmp_path / "r.png")
    board = leaderboards([make("a", images={"psnr": np.ones(5)}, cost={"invert_ms_per_image": None})], "psnr", "q")[0]
    with pytest.raises(NotApplicable, match="no method has both psnr and a time"):
        quality_versus_cost(board, tmp_path / "q.png")


def test_quality_versus_cost_survives_a_time_of_zero(suite, tmp_path):
    suite[-1].cost["invert_ms_per_image"] = 0.0
    path = quality_versus_cost(leaderboards(suite, "psnr", "q")[0], tmp_path / "q.png")
    assert matplotlib.image.imread(path)[..., :3].std() > 0.05


def test_names_of_methods_that_are_as_good_do_not_run_into_the_title(make, tmp_path, drawn):
    equal = [make(f"method number {k}", images={"psnr": np.full(9, 20.0)}) for k in range(8)]
    low = make("low", images={"psnr": np.full(9, 5.0)})
    quality_versus_cost(leaderboards([*equal, low], "psnr", "A title that is wide " * 3)[0], tmp_path / "q.png")
    (axes,) = drawn[0].axes
    drawn[0].draw_without_rendering()
    title = axes.title.get_window_extent()
    assert len(axes.texts) == 9
    assert not [name.get_text() for name in axes.texts if name.get_window_extent().overlaps(title)]


def test_every_report_is_written(suite, tmp_path):
    folder = tmp_path / "out"
    written = write_reports(reported(suite, pages={"claims.md": "So it is.\n"}), folder)
    assert [p.name for p in written] == [
        *(f"leaderboard.{fmt}" for fmt in ("md", "csv", "tex", "json")),
        "summary.md",
        "claims.md",
        "quality-vs-cost.png",
    ]
    assert sorted(folder.iterdir()) == sorted(written)


def test_tables_have_their_own_figures(make, tmp_path):
    other = {"gan": {"name": "lsgan", "options": {}, "label": ""}}
    records = [make("a", images={"psnr": np.ones(5)}), make("b", images={"psnr": np.ones(5)}, cell=other)]
    names = [p.name for p in write_reports(reported(records), tmp_path / "out")]
    assert names[-2:] == ["quality-vs-cost-digits-dcgan-smoke.png", "quality-vs-cost-digits-lsgan-smoke.png"]


def test_nothing_is_written_when_records_do_not_match(make, tmp_path):
    records = [make("a", images={"psnr": np.ones(5)}), make("b", images={"psnr": np.ones(4)})]
    with pytest.raises(BenchError, match="cannot share a table"):
        write_reports(reported(records), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unwritable_folder_is_named(make, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write .*leaderboard\.md"):
        write_reports(reported([make("a", images={"psnr": np.ones(5)})]), tmp_path / "file")


def test_every_report_is_written_without_torch(suite, make, tmp_path):
    records = [*suite, make("pictures", images={"psnr": np.ones(40)}, gallery=gallery())]
    (tmp_path / "records.pickle").write_bytes(pickle.dumps(records))
    modules = [f"bench.reports.{p.stem}" for p in (Path(bench.__file__).parent / "reports").glob("*.py")]
    code = f"""
import importlib, pickle, sys
from pathlib import Path
for module in {modules!r}:
    importlib.import_module(module)
records = pickle.loads(Path("records.pickle").read_bytes())
reports = {{name.rpartition(".")[2]: module for name, module in sys.modules.items() if "bench.reports." in name}}
found = reports["groups"].groups(records)
boards = reports["leaderboard"].boards_of(found, "psnr", "q")
reports["write"].write_reports(reports["write"].Reported("q", found, boards), Path("out"))
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=tmp_path).returncode == 0
    assert (tmp_path / "out" / "reconstructions.png").is_file()


@pytest.mark.parametrize(("times", "shown"), [((1.2, 1.46), {"1.25", "1.4"}), ((0.05, 60.0), {"0.1", "1", "10"})])
def test_times_are_plain_numbers(make, tmp_path, drawn, times, shown):
    images = {"psnr": np.full(9, 20.0)}
    records = [make(f"after {t}", images=images, cost={"invert_ms_per_image": t}) for t in times]
    quality_versus_cost(leaderboards(records, "psnr", "q")[0], tmp_path / "q.png")
    axis = drawn[0].axes[0].xaxis
    drawn[0].draw_without_rendering()
    low, high = axis.get_view_interval()
    labels = {t.get_text() for t in [*axis.get_ticklabels(), *axis.get_ticklabels(minor=True)]} - {""}
    assert shown <= labels
    assert all(float(label) for label in labels)
    assert len([label for label in labels if low <= float(label) <= high]) < 12


def test_a_name_does_not_cover_the_point_beside_its_own(make, tmp_path, drawn):
    images = {"psnr": np.full(9, 20.0)}
    times = {"a name that is long": 1.0, "near": 1.1, "far": 2.0}
    records = [make(m, images=images, cost={"invert_ms_per_image": t}) for m, t in times.items()]
    quality_versus_cost(leaderboards([*records, make("low", images={"psnr": np.ones(9)})], "psnr", "q")[0], tmp_path)
    (axes,) = drawn[0].axes
    drawn[0].draw_without_rendering()
    name = next(text for text in axes.texts if text.get_text() == "a name that is long")
    covered = Text.get_window_extent(name).padded(1.0)  # of the words, without their line
    assert not covered.contains(*axes.transData.transform((1.1, 20.0)))
