"""Inputs of an examination: the user's GAN, and real images that it was and was not trained on; all are validated."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.core.errors import BenchError, ContractError, DataError
from bench.core.files import digest
from bench.core.options import create
from bench.core.paths import data_folder
from bench.core.registry import find
from bench.core.types import ComponentSpec, Dataset, Gan, Images, Shape
from bench.datasets.content import content_hashes
from bench.datasets.decoding import CentreSquare, Decoder, Fixed, make_once, write_pixels
from bench.datasets.layouts import list_files, shuffle
from bench.datasets.source import shuffled
from bench.gans.checkpoints import load_gan
from bench.gans.external import open_foreign
from bench.gans.zoo import CHECKPOINT, SCRIPTED, gan_file, runs_code, without_pick
from bench.harness.keys import module_code
from bench.harness.store import Store
from bench.harness.suite import words_of
from bench.overfit.trained import find_trained

POOL = 20_000
"""Largest number of images that samples are compared with."""
POOL_BYTES = 2**28
"""Largest size of a pool in bytes of pixels: large images allow fewer of them."""
HASHED = 1024
LOOKED_AT = 200
"""Number of files of a folder whose colour channels are checked."""
IN_THE_SUITE = "to its table in the suite"
DARK, MIDDLE, BRIGHT = -0.5, -0.01, 0.5
"""Pixel values that reveal a generator in [0, 1]: real images reach below the first, its images exceed the second."""


@dataclass(frozen=True)
class OpenedGan:
    """A GAN on the device, frozen.

    Attributes:
        gan: the GAN.
        title: its name in reports.
        trained_on: number of first images of the training split that it was trained on; 0 for all.
        remarks: notes for the user on how it was opened.
        step: its training step; None if unknown.
        dataset: name of the dataset that it was trained on; "" if unknown.
    """

    gan: Gan
    title: str
    trained_on: int = 0
    remarks: tuple[str, ...] = ()
    step: int | None = None
    dataset: str = ""


@dataclass(frozen=True)
class Real:
    """Training and unseen images, each in a seeded random order.

    Attributes:
        train: images that the GAN was trained on; a part of them where there are many.
        test: images that it was not trained on; likewise.
        title: name of the data in reports.
        classes: names of the labels, if there are any.
        remarks: notes for the user.
        facts: facts that identify the images; can be written as JSON.
    """

    train: Images
    test: Images
    title: str
    classes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def open_gan(
    choice: ComponentSpec,
    device: str,
    prior: str = "",
    code_dim: int = 0,
    dataset: ComponentSpec | None = None,
    store: Store | None = None,
) -> OpenedGan:
    """Open a GAN by name: one that ships, that a suite trained, ``checkpoint:PATH`` or ``factory:MODULE:FUNCTION``.

    Args:
        choice: the name with its options.
        device: "cpu" or "cuda".
        prior: "normal" or "uniform", for a generator without a stated prior; "" takes that of the generator.
        code_dim: dimension of its codes, likewise; 0 takes that of the generator.
        dataset: dataset that a recipe was trained on.
        store: store of trained GANs; the user's if None.

    Raises:
        BenchError: code that may not run, or a GAN that breaks the contract: stochastic, NaN, outside of [-1, 1],
            batch norm in train mode, an unknown prior; a recipe that was not trained. The message names the remedy.
        UnknownName: no GAN of this name.
    """
    path = gan_file(choice.name)
    if path is None:
        find("gan", without_pick(choice.name), "GAN")
        trained = find_trained(choice, dataset, store or Store())
        gan = load_gan(trained.path).to(device).freeze()
        return OpenedGan(gan, words_of(choice), trained_on=trained.trained_on, remarks=(), step=trained.step)
    title = Path(choice.name.removeprefix(CHECKPOINT)).name if choice.name.startswith(CHECKPOINT) else choice.title
    if not runs_code(choice.name):
        if prior or code_dim:
            raise BenchError(f"GAN {choice.name} defines its own codes; omit --prior and --code-dim")
        gan = load_gan(path).to(device).freeze()
        facts = gan.provenance.get("metadata", {})
        limit, name = int(facts.get("train_images", 0)), str(facts.get("dataset", ""))
        return OpenedGan(gan, title, trained_on=limit, remarks=(), step=facts.get("train_steps"), dataset=name)
    stated = {"prior": prior} if prior else {}
    given = {**choice.options, **stated, **({"code_dim": code_dim} if code_dim else {})}
    try:
        gan = open_foreign(dataclasses.replace(choice, options=given), device)
    except ContractError as error:
        text = str(error)
        if IN_THE_SUITE in text:
            text += "; here by --prior normal or --prior uniform, and --code-dim NUMBER"
        raise ContractError(text) from error
    return OpenedGan(gan, title, 0, _modes(path))


def _modes(path: Path) -> tuple[str, ...]:
    """Return a remark if an archive was saved in train mode."""
    if path.suffix.lower() not in SCRIPTED:
        return ("networks were set to eval: batch norm uses its running statistics",)
    if torch.jit.load(path, map_location="cpu").training:
        return ("the generator was saved in train mode and was set to eval: batch norm uses its running statistics",)
    return ()


def from_dataset(choice: ComponentSpec, trained_on: int, seed: int, n: int = 0) -> Real:
    """Return the training and test images of a dataset, as many as an examination uses, in a random order.

    Args:
        choice: the dataset.
        trained_on: number of first training images that the GAN was trained on; 0 for all.
        seed: seed of the order.
        n: number of images that will be inverted; these are kept whatever their size.

    Raises:
        DataError: the dataset is missing or damaged, or unseen images are training images.
    """
    data: Dataset = create("dataset", choice.name, choice.options).load()
    train = data.train.first(trained_on)
    facts = {"dataset": choice.name, "options": dict(choice.options), "trained_on": len(train)}
    check_overlap(train, data.test, data.name)
    return Real(
        _mixed(train, seed, n),
        _mixed(data.test, seed, n),
        title=data.name,
        classes=data.classes,
        remarks=(),
        facts=facts,
    )


def from_folders(train: Path, test: Path, shape: Shape, seed: int, n: int = 0, resize: bool = False) -> Real:
    """Read the images of two folders, including their sub-folders.

    Args:
        train: images that the GAN was trained on.
        test: images that it was not trained on.
        shape: shape of the generator's images.
        seed: seed of the order.
        n: number of images that will be inverted; these are kept whatever their size.
        resize: crop the central square and resize it; otherwise every file must have the generator's size.

    Raises:
        DataError: a folder has no images, or a file cannot be used; the message names the first.
    """
    if train.resolve() == test.resolve():
        raise DataError(f"--train and --test are both {train}; give images that the GAN was not trained on")
    channels, height, width = shape
    if channels not in {1, 3}:
        raise DataError(f"the generator's images have {channels} channels; files can hold 1 or 3")
    if resize and height != width:
        raise DataError(f"--resize makes squares, the generator's images are {width} x {height}; resize the files")
    window = CentreSquare() if resize else Fixed(width, height, demand="without --resize the files must have")
    decoder = Decoder(width, height, 1 if channels == 1 else 3, window)
    parts = [_decoded(folder, decoder, option) for folder, option in ((train, "--train"), (test, "--test"))]
    remarks: tuple[str, ...] = ("images were cut to their central square and resized",) if resize else ()
    if any(_other_colours(folder, channels) for folder in (train, test)):
        remarks += (f"files of other colours were turned {'grey' if channels == 1 else 'to RGB'}",)
    facts = {"train": train.name, "test": test.name, "resized": resize}
    title = f"{train.name} and {test.name}"
    check_overlap(parts[0], parts[1], title)
    return Real(
        _mixed(parts[0], seed, n), _mixed(parts[1], seed, n), title=title, classes=(), remarks=remarks, facts=facts
    )


def _decoded(folder: Path, decoder: Decoder, option: str) -> Images:
    who = f"{option} {folder}"
    names = shuffle(list_files(folder, who))
    paths = [folder / name for name in names]
    files = list(zip(names, content_hashes(folder, names, who), strict=True))
    cache = data_folder() / "overfit-cache" / digest([files, repr(decoder), module_code(type(decoder).__module__)])

    def refuse(index: int, reason: str) -> None:
        raise DataError(f"{who}: cannot use '{names[index]}': {reason}")

    def fill(place: Path) -> None:
        write_pixels(place / "images.npy", decoder, paths, refuse)

    make_once(cache, fill)
    return Images(torch.from_numpy(np.load(cache / "images.npy", mmap_mode="c")))


def _other_colours(folder: Path, channels: int) -> bool:
    """Return True if one of the first files of a folder is in colour and the generator is grey, or vice versa."""
    from PIL import Image

    for name in list_files(folder, str(folder))[:LOOKED_AT]:
        with Image.open(folder / name) as opened:
            if (Image.getmodebase(opened.mode) == "L") != (channels == 1):
                return True
    return False


def _mixed(images: Images, seed: int, n: int) -> Images:
    """Return the first images of a random order, few enough that memory stays bounded."""
    count = max(n, min(POOL, POOL_BYTES // math.prod(images.shape)))
    return images.take(torch.from_numpy(shuffled(len(images), seed)[:count]))


def check_overlap(train: Images, test: Images, title: str) -> None:
    """Refuse unseen images that are training images, pixel for pixel.

    Raises:
        DataError: there are such images; the message says how many.
    """
    known = set(_hashes(train))
    same = sum(found in known for found in _hashes(test))
    if same:
        raise DataError(
            f"{title}: {same:,} of {len(test):,} unseen images are also training images, pixel for pixel; "
            "remove them from one of the two"
        )


def check_own(own: Images, test: Images) -> None:
    """Refuse generated images that are evidently in another range than [-1, 1].

    Raises:
        ContractError: NaN, values outside of [-1, 1], or no pixel below 0 where real images are dark; the message
            names the range.
    """
    broken = int((~own.data.flatten(1).isfinite().all(1)).sum())
    if broken:
        raise ContractError(f"{broken} of {len(own):,} of the generator's images hold NaN or infinite values")
    low, high = (float(v) for v in torch.aminmax(own.data))
    if not (low >= -1.001 and high <= 1.001):
        raise ContractError(f"the generator's images lie in [{low:.4g}, {high:.4g}]; expected [-1, 1]")
    darkest = float(test.take(slice(0, 500)).floats(slice(None)).min())
    if low >= MIDDLE and high > BRIGHT and darkest < DARK:
        raise ContractError(
            f"the generator's images lie in [{low:.3g}, {high:.3g}] while real ones go down to {darkest:.2g}; it "
            "seems to give [0, 1], expected [-1, 1]: return 2 * image - 1"
        )


def _hashes(images: Images) -> Iterator[bytes]:
    """Yield a hash of each image, with a part of them in memory at a time."""
    for part in images.data.split(HASHED):
        for row in part.numpy():
            yield hashlib.blake2b(row.tobytes(), digest_size=16).digest()
