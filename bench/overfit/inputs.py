"""What is examined: the user's GAN, and real images that it was and was not trained on. Bad input ends here."""

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
"""Images that samples are compared with, at most."""
POOL_BYTES = 2**28
"""Of pixels that a pool may hold: fewer images where they are large."""
HASHED = 1024
LOOKED_AT = 200
"""Files of a folder whose colours are looked at."""
IN_THE_SUITE = "to its table in the suite"
DARK, MIDDLE, BRIGHT = -0.5, -0.01, 0.5
"""Pixels that give away a generator in [0, 1]: real images go below the first, own ones only above the second."""


@dataclass(frozen=True)
class OpenedGan:
    """A GAN on the device, frozen.

    Attributes:
        gan: its networks.
        title: how it is called.
        trained_on: first images of the training split that it saw; 0 for all.
        remarks: what a user should know of how it was opened.
        step: of its training, None if unknown.
        dataset: name of that of its training, "" if unknown.
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
        train: what the GAN was trained on; a part of it where it is large.
        test: what it was not, likewise.
        title: of the data.
        classes: names of the labels, if there are any.
        remarks: what a user should know.
        facts: what identifies them, JSON-able.
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
        prior: "normal" or "uniform", for a generator that does not say; "" leaves it to the generator.
        code_dim: numbers in a code, likewise; 0 leaves it.
        dataset: what a recipe's training was on.
        store: where trainings lie; the user's if None.

    Raises:
        BenchError: code that may not run, or a GAN that breaks the contract: stochastic, NaN, outside of [-1, 1],
            batch norm in train mode, an unknown prior; a recipe that was not trained. Says what would be right.
        UnknownName: a name that ships nowhere.
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
            raise BenchError(f"GAN {choice.name} knows its codes; leave --prior and --code-dim out")
        gan = load_gan(path).to(device).freeze()
        facts = gan.provenance.get("metadata", {})
        limit, name = int(facts.get("train_images", 0)), str(facts.get("dataset", ""))
        return OpenedGan(gan, title, trained_on=limit, remarks=(), step=facts.get("train_steps"), dataset=name)
    told = {"prior": prior} if prior else {}
    given = {**choice.options, **told, **({"code_dim": code_dim} if code_dim else {})}
    try:
        gan = open_foreign(dataclasses.replace(choice, options=given), device)
    except ContractError as error:
        text = str(error)
        if IN_THE_SUITE in text:
            text += "; here by --prior normal or --prior uniform, and --code-dim NUMBER"
        raise ContractError(text) from error
    return OpenedGan(gan, title, 0, _modes(path))


def _modes(path: Path) -> tuple[str, ...]:
    """Whether an archive was saved in train mode."""
    if path.suffix.lower() not in SCRIPTED:
        return ("networks were set to eval: batch norm uses its running statistics",)
    if torch.jit.load(path, map_location="cpu").training:
        return ("the generator was saved in train mode and was set to eval: batch norm uses its running statistics",)
    return ()


def from_dataset(choice: ComponentSpec, trained_on: int, seed: int, n: int = 0) -> Real:
    """Training and test split of a dataset: as many of each as an examination looks at, in a random order.

    Args:
        choice: the dataset.
        trained_on: first training images that the GAN saw; 0 for all.
        seed: of the order.
        n: images that will be inverted, which are kept whatever their size.

    Raises:
        DataError: the dataset is not here, or damaged; unseen images that are training images.
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
    """Images of two folders, their sub-folders included.

    Args:
        train: images that the GAN was trained on.
        test: images that it was not.
        shape: of the generator's images.
        seed: of the order.
        n: images that will be inverted, which are kept whatever their size.
        resize: cut the central square out and resize it; else every file must have the generator's size.

    Raises:
        DataError: a folder without images, or a file that cannot be used; names the first.
    """
    if train.resolve() == test.resolve():
        raise DataError(f"--train and --test are both {train}; give images that the GAN was not trained on")
    channels, height, width = shape
    if channels not in {1, 3}:
        raise DataError(f"the generator makes images of {channels} channels; files can hold 1 or 3")
    if resize and height != width:
        raise DataError(f"--resize makes squares, the generator's images are {width} x {height}; resize the files")
    window = CentreSquare() if resize else Fixed(width, height, demand="the generator makes (--resize resizes)")
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
    stamps = [(name, path.stat().st_size, path.stat().st_mtime_ns) for name, path in zip(names, paths, strict=True)]
    cache = data_folder() / "overfit-cache" / digest([stamps, repr(decoder), module_code(type(decoder).__module__)])

    def refuse(index: int, reason: str) -> None:
        raise DataError(f"{who}: cannot use '{names[index]}': {reason}")

    def fill(place: Path) -> None:
        write_pixels(place / "images.npy", decoder, paths, refuse)

    make_once(cache, fill)
    return Images(torch.from_numpy(np.load(cache / "images.npy", mmap_mode="c")))


def _other_colours(folder: Path, channels: int) -> bool:
    """Whether one of the first files of a folder is in colour where the generator is grey, or the other way round."""
    from PIL import Image

    for name in list_files(folder, str(folder))[:LOOKED_AT]:
        with Image.open(folder / name) as opened:
            if (Image.getmodebase(opened.mode) == "L") != (channels == 1):
                return True
    return False


def _mixed(images: Images, seed: int, n: int) -> Images:
    """The first of a random order: so many that memory stays bounded."""
    count = max(n, min(POOL, POOL_BYTES // math.prod(images.shape)))
    return images.take(torch.from_numpy(shuffled(len(images), seed)[:count]))


def check_overlap(train: Images, test: Images, title: str) -> None:
    """Refuse unseen images that are training images, pixel for pixel.

    Raises:
        DataError: there are; says how many.
    """
    known = set(_hashes(train))
    same = sum(found in known for found in _hashes(test))
    if same:
        raise DataError(
            f"{title}: {same:,} of {len(test):,} unseen images are also training images, pixel for pixel; what was "
            "trained on is not unseen: remove them from one of the two"
        )


def check_own(own: Images, test: Images) -> None:
    """Refuse own images that only make sense in another range than [-1, 1].

    Raises:
        ContractError: NaN, values outside of [-1, 1], or no pixel below 0 where real images are dark; names the
        range.
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
    """A hash of each image, a part of them in memory at a time."""
    for part in images.data.split(HASHED):
        for row in part.numpy():
            yield hashlib.blake2b(row.tobytes(), digest_size=16).digest()
