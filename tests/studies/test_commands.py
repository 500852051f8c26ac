"""``ganinv study``: reports that are whole and reproducible, and mistakes that are one clear line."""

import json
import subprocess
import sys

import pytest

from bench.core.errors import BenchError
from bench.harness.suite import parse_choice, parse_options

CNN = ("--network", "fashion-mnist-cnn")
LSGAN = ("--option", "gan=fashion-mnist/lsgan")
BOXES = ("--dataset", "boxes", "--images", 60)
FILES = {"README.md", "table.csv", "study.json", "figure.png"}


def test_listing_and_showing_studies_leaves_torch_alone():
    code = (
        "import sys; sys.argv = ['ganinv', *sys.argv[1:]]; from bench.cli.app import main\n"
        "try: main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
    )
    for words in (["list", "studies"], ["show", "study", "translation"], ["study", "--help"]):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if words[0] != "study":
            assert "translation" in done.stdout


def test_fish_eye_writes_a_report_twice_alike(call, boxes, picture, tmp_path):
    outs = [tmp_path / name for name in ("one", "two")]
    for out in outs:
        code, text, _ = call("study", "fish-eye", *BOXES, "--plugin", boxes, *CNN, "--out", out)
        assert code == 0
        assert "C23" in text
        assert str(out) in text
        assert {p.name for p in out.iterdir()} == FILES
    for name in ("table.csv", "study.json", "README.md", "figure.png"):
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes(), name
    assert min(picture(outs[0] / "figure.png").shape) > 300
    content = json.loads((outs[0] / "study.json").read_text())
    assert content["protocol"]["images"] == 60
    assert content["protocol"]["networks"]["fid"]["weights_sha256"]
    (verdict,) = content["verdicts"]
    assert (verdict["claim"], verdict["dataset"]) == ("C23", "boxes")
    assert "fashion-mnist-cnn" in verdict["network"]
    readme = (outs[0] / "README.md").read_text()
    assert "](figure.png)" in readme
    assert "60 test images" in readme
    first = content["tables"]["LPIPS and FID by coefficient"][0]
    assert (first["coefficient"], first["lpips"], first["fid"]) == (0.0, 0.0, 0.0)


def test_translation_pads_crops_and_resizes(call, boxes, tmp_path):
    base = (
        "study",
        "translation",
        "--dataset",
        "boxes",
        "--plugin",
        boxes,
        *CNN,
        "--option",
        "most=3",
        "--images",
        40,
    )
    code, _, errors = call(*base, "--option", "canvas=pad", "--out", tmp_path / "pad")
    assert code == 0, errors
    content = json.loads((tmp_path / "pad" / "study.json").read_text())
    assert content["protocol"]["border_pixels_of_that_level"] == 1.0
    assert [v["claim"] for v in content["verdicts"]] == ["C24", "C25", "C26"]
    rows = content["tables"]["LPIPS and FID by shift"]
    assert rows[0]["fid_raw"] == rows[0]["fid_reflect"] == rows[0]["lpips_raw"] == 0
    assert rows[3]["lpips_raw"] > rows[1]["lpips_raw"] > 0
    assert rows[3]["published_raw"] == 0.0439

    code, _, errors = call(*base, "--option", "window=20", "--option", "resize=28", "--out", tmp_path / "crop")
    assert code == 0, errors
    content = json.loads((tmp_path / "crop" / "study.json").read_text())
    assert content["protocol"]["window"] == [4, 4, 20, 20]
    assert "28x28 (bilinear" in (tmp_path / "crop" / "README.md").read_text()


MISTAKES = {
    "unknown study": (["fisheye"], "unknown study 'fisheye'; did you mean 'fish-eye'?"),
    "unknown dataset": (["fish-eye", *CNN, "--dataset", "boxs"], "unknown dataset 'boxs'; did you mean 'boxes'"),
    "unknown dataset option": (["fish-eye", *CNN, "--dataset", "boxes?tests=1"], "unknown option 'tests'; did you"),
    "dataset option without a value": (
        ["fish-eye", "--dataset", "boxes?test"],
        "--dataset boxes?test: expected OPTION",
    ),
    "unknown network": (
        ["fish-eye", "--network", "alx"],
        "--network: unknown feature network 'alx'; did you mean 'alex'",
    ),
    "unknown option": (["fish-eye", "--option", "coefs=1"], "unknown option 'coefs'"),
    "option without a value": (["fish-eye", "--option", "coefficients"], "--option: expected OPTION=VALUE"),
    "falling coefficients": (["fish-eye", "--option", "coefficients=[0.1,0.0,0.2]"], "3 or more rising numbers"),
    "coefficient out of range": (
        ["fish-eye", "--option", "coefficients=[0.0,0.1,1.5]"],
        "rising numbers from 0 to 1",
    ),
    "too few images": (["fish-eye", *CNN, "--images", 10], "--images 10: this study needs at least 40"),
    "too many images": (["fish-eye", *CNN, "--images", 121], "--images 121: the test split of boxes has 120"),
    "negative images": (["fish-eye", *CNN, "--images", -1], "expected 0 or more"),
    "no margin": (["translation", *CNN], "boxes states no margin; take a window from inside its images"),
    "window too large": (["translation", *CNN, "--option", "window=20"], "leave 4 at row 4, column 4"),
    "padding invents": (
        ["translation", *CNN, "--option", "canvas=pad", "--option", "level=9"],
        "0.0% of the border pixels of boxes have level 9",
    ),
    "unknown canvas": (["translation", "--option", "canvas=tile"], "should be one of 'crop', 'pad'"),
    "no GAN": (["sample-size", *CNN], "no GAN of boxes ships; name one"),
    "unknown GAN": (["sample-size", *CNN, "--option", "gan=dcgn"], "unknown gan 'dcgn'; did you mean 'dcgan'"),
    "unknown method": (
        ["sample-size", *CNN, "--option", "gan=dcgan", "--option", "method=dfj"],
        "unknown method 'dfj'",
    ),
    "KID subset above the smallest size": (["sample-size", "--option", "kid_subset=200"], "expected 2 to 100"),
    "no LSGAN": (["feature-overlap"], "no LSGAN of boxes ships"),
    "a network for D": (["feature-overlap", *CNN], "uses the GAN's own discriminator"),
    "unknown layer": (
        ["feature-overlap", "--dataset", "boxes?test=200", *LSGAN, "--option", 'layers=["lst"]'],
        "unknown discriminator layer 'lst'",
    ),
    "records through a network": (["metric-agreement", *CNN], "reads stored records"),
    "no records": (["metric-agreement", "--option", "suite=faces"], "nothing is stored; ganinv run faces"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line_and_writes_nothing(call, boxes, tmp_path, mistake):
    words, message = MISTAKES[mistake]
    words = words if "--dataset" in words or words[0] == "metric-agreement" else [*words, "--dataset", "boxes"]
    out = tmp_path / "out"
    code, _, errors = call("study", *words, "--plugin", boxes, "--out", out)
    lines = [line for line in errors.splitlines() if "error:" in line]
    assert code == 2, errors
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in errors
    assert not out.exists()


def test_options_on_a_command_line_are_read_as_in_a_suite_file():
    choice = parse_choice('celeba?crop=full&side=64&list=[1, 2]&quoted="a"', "--dataset")
    assert choice.name == "celeba"
    assert choice.options == {"crop": "full", "side": 64, "list": [1, 2], "quoted": "a"}
    assert parse_choice("digits", "--dataset").options == {}
    assert parse_options(["a=1.5", "b=x=y"], "--option") == {"a": 1.5, "b": "x=y"}
    with pytest.raises(BenchError, match=r"--gan lsgan\?width: expected OPTION=VALUE after '\?', found 'width'"):
        parse_choice("lsgan?width", "--gan")
    with pytest.raises(BenchError, match=r"--option: expected OPTION=VALUE, found '=3'"):
        parse_options(["=3"], "--option")
