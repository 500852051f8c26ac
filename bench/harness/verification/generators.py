"""Generators, datasets and codes behind records, found where they may be: shipped, stored, or beside the records."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from bench.core.errors import BenchError
from bench.core.files import sha256
from bench.core.paths import code_allowed
from bench.core.types import Cell, Dataset, Gan, Images
from bench.gans.checkpoints import load_gan
from bench.gans.external import open_foreign
from bench.gans.zoo import CHECKPOINT, gan_file, pick_of, runs_code
from bench.harness.bound_method import view_of
from bench.harness.context import HarnessContext, load_data
from bench.harness.invert_stage import own_images
from bench.harness.record_files import CODES
from bench.harness.store import Store
from bench.harness.verification.entries import StoredEntry

WEIGHTS = "weights"
"""Capacity of methods that tune the generator: records keep the hash of their codes alone."""


class NotHere(BenchError):
    """Something that a check needs is not on this machine; the message says what and where it was looked for."""


class Contradiction(BenchError):
    """Something is here, and is not what a record says that it is."""


@dataclass
class StoredDecoder:
    """The generator and images of one record, with its codes.

    Attributes:
        gan: generator in the latent space of the codes.
        codes: ``[N, d]`` by track; float32, also if they are stored in 16 bits.
        targets: images by track, those that the method was given.
        true_codes: codes of the generated images.
        half: True if the codes were stored in 16 bits.
    """

    gan: Gan
    codes: dict[str, Tensor]
    targets: dict[str, Images]
    true_codes: Tensor | None
    half: bool = False


@dataclass
class Workshop:
    """Opens what belongs to records; generators and datasets that several records share are opened once."""

    bench: HarnessContext
    _gans: dict[str, Gan] = field(default_factory=dict)

    def decoder(self, entry: StoredEntry) -> StoredDecoder:
        """Return everything that decodes and measures the codes of a record.

        Raises:
            NotHere: its codes, generator or dataset are not here.
            Contradiction: one of them is here and has another checksum than the record states.
        """
        facts, cell = entry.facts, entry.cell
        codes, half = self._codes(entry)
        gan = self._gan(entry)
        targets = self._data(entry).test
        try:
            view = view_of(gan, facts)
            tracks = {"test": targets.first(cell.budget.test_images)}
            true_codes = None
            if "own" in entry.content["metrics"] and self._same_device(entry):
                tracks["own"], true_z = own_images(self.bench, cell, gan)
                true_codes = view.translate(true_z)
        except (BenchError, ValueError) as error:
            raise Contradiction(f"{entry.title}: {' '.join(str(error).split())}") from error
        for track, images in tracks.items():
            if track in codes and len(codes[track]) > len(images):
                raise Contradiction(f"{entry.title}: {len(codes[track])} codes of {len(images)} {track} images")
            if track in codes and codes[track].shape[1] != view.code_dim:
                raise Contradiction(
                    f"{entry.title}: codes of {codes[track].shape[1]} numbers, the generator takes {view.code_dim}"
                )
        if facts.get("code_dim", view.code_dim) != view.code_dim:
            raise Contradiction(f"{entry.title}: code_dim is {facts['code_dim']}, the generator's is {view.code_dim}")
        return StoredDecoder(view, codes, targets=tracks, true_codes=true_codes, half=half)

    # ------------------------------------------------------------------------------------------------- parts

    def _same_device(self, entry: StoredEntry) -> bool:
        """Return True if the generated images can be drawn here: a GPU draws other random numbers."""
        return str(entry.content.get("environment", {}).get("device", "")).startswith(self.bench.device)

    def _codes(self, entry: StoredEntry) -> tuple[dict[str, Tensor], bool]:
        facts = entry.facts
        if facts.get("capacity") == WEIGHTS:
            raise NotHere(f"methods that tune weights keep a hash of their codes alone: {entry.title}; see --rerun")
        try:
            tensors = load_tensors(_stored_codes(entry))
        except (SafetensorError, ValueError) as error:
            raise Contradiction(f"{entry.title}: its codes cannot be read: {error}") from error
        if any(tensor.dim() != 2 or not tensor.is_floating_point() for tensor in tensors.values()):
            raise Contradiction(f"{entry.title}: its codes are not [N, d] numbers")
        half = any(tensor.dtype == torch.float16 for tensor in tensors.values())
        return {track: tensor.float() for track, tensor in tensors.items()}, half

    def _data(self, entry: StoredEntry) -> Dataset:
        try:
            data = load_data(self.bench, entry.cell)
        except BenchError as error:
            raise NotHere(f"dataset {entry.cell.dataset.name}: {error}") from error
        stated = entry.facts.get("dataset_checksum")
        if data.test.checksum != stated:
            raise Contradiction(
                f"{entry.title}: dataset {entry.cell.dataset.name} has the checksum {data.test.checksum[:12]} here, "
                f"the record states {str(stated)[:12]}"
            )
        return data

    def _gan(self, entry: StoredEntry) -> Gan:
        stated = str(entry.facts.get("gan_checksum", ""))
        name = f"{entry.cell.gan.title} {stated}"
        if name not in self._gans:
            self._gans = {name: self._opened(entry, stated)}  # one in memory
        return self._gans[name]

    def _opened(self, entry: StoredEntry, stated: str) -> Gan:
        other: list[str] = []
        for path in _gan_files(entry):
            gan = self._read(path, entry.cell)
            if gan.checksum() == stated:
                return gan.to(self.bench.device).freeze()
            other.append(f"{path.name} has the checksum {gan.checksum()[:12]}")
        if other and not entry.cell.gan.name.startswith(CHECKPOINT):
            raise Contradiction(f"{entry.title}: generator {', '.join(other)}, the record states {stated[:12]}")
        raise NotHere(
            f"generator {entry.cell.gan.title}, checksum {stated[:12]}: neither shipped, nor in the store, nor in "
            f"generators/ beside the records{'; ' + other[0] if other else ''}"
        )

    def _read(self, path: Path, cell: Cell) -> Gan:
        try:
            if runs_code(cell.gan.name) and path == gan_file(cell.gan.name):
                return open_foreign(cell.gan, self.bench.device)
            return load_gan(path)
        except BenchError as error:
            raise NotHere(f"generator {path}: {' '.join(str(error).split())}") from error


def _stored_codes(entry: StoredEntry) -> bytes:
    """Return the file of a record's codes: beside it, or in a store, if its checksum is the stated one."""
    folders = [entry.place.folder / f"{entry.key}{CODES}"]
    key = entry.facts.get("keys", {}).get("invert", "")
    if key.isalnum():
        folders += [store / "invert" / key / "codes.safetensors" for store in entry.place.stores]
    for path in folders:
        if path.is_file() and sha256(path) == entry.facts.get("codes_sha256"):
            return path.read_bytes()
    raise NotHere(f"codes of {entry.title} are neither beside the records nor in the store")


def _gan_files(entry: StoredEntry) -> list[Path]:
    """Return the files that may hold a record's generator: the one that its name means, or trained ones."""
    name, key = entry.cell.gan.name, entry.facts.get("keys", {}).get("train", "")
    try:
        path = gan_file(name)
    except BenchError:
        path = None
    if path is not None:
        return [path] if code_allowed() or not runs_code(name) else []
    weights = "best.safetensors" if pick_of(name) == "best" else "gan.safetensors"
    places = [folder / key / weights for folder in entry.place.trained] if key.isalnum() else []
    return [each for each in places if each.is_file()]


def open_workshop(device: str, store: Path | None = None) -> Workshop:
    """Return a workshop that computes on a device; nothing is written to the store."""
    return Workshop(HarnessContext(Store(store), device))
