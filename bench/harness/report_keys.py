"""Keys of reports of studies and applications: the code, data, weights and device behind their numbers. No torch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.core import registry
from bench.core.declared import declared_options
from bench.core.errors import BenchError
from bench.core.files import digest, read_header, sha256
from bench.core.types import Cell, ComponentSpec
from bench.datasets.content import content_hashes
from bench.gans.zoo import CHECKPOINT, FACTORY, gan_file, runs_code, shipped_gans, without_pick
from bench.harness.keys import KeyMaker, texts_in
from bench.harness.suite import parse_choice


def report_key(
    kind: str, name: str, arguments: Mapping[str, Any], cell: Cell | None = None, maker: KeyMaker | None = None
) -> str:
    """Return the key of a report: a hash of its code, the device, and what it may open.

    Names that it may open occur in its arguments, in the defaults of its options, or as texts in its modules. Their
    code counts; of datasets, GANs that are files, networks and files that arguments or defaults name, also the
    content. Results of other reports and suites, which some studies read, do not count.

    Args:
        kind: "study" or "application".
        name: registered name.
        arguments: JSON-able.
        cell: cell whose GAN and method an application uses.
        maker: maker of keys; a new one if None.

    Raises:
        UnknownName: no such study or application.
        BenchError: the dataset or a file of the cell is missing.
    """
    maker = maker or KeyMaker()
    texts = [text for text in maker.reader.graph.texts(maker.reader.entry_file(kind, name)) if " " not in text]
    stated = [arguments, declared_options(kind, name, maker.reader)]
    data = str(arguments.get("dataset") or getattr(registry.load(kind, name), "default_dataset", ""))
    choices = list(_choices([*stated, data, *_shipped(texts, data.partition("?")[0])]))
    return digest(
        [
            maker.code(kind, name),
            maker.codes_named_in([texts, *stated]),
            maker.device,
            maker.keys(cell).invert if cell else "",
            sorted({json.dumps(each) for choice in choices for each in _content(choice, maker)}),
            _folder(str(arguments.get("images", ""))),
        ]
    )[:16]


def _choices(value: Any) -> Iterator[ComponentSpec]:
    """Yield every string of a value as a name with options, also one that follows ``option=``."""
    for text in texts_in(value):
        for part in {text, re.sub(r"^\w+=", "", text)}:
            try:
                yield parse_choice(part.strip("\"'"), "")
            except BenchError:
                continue


def _shipped(texts: Iterable[str], dataset: str) -> Iterator[str]:
    """Yield the GANs that ship and that modules name, with ``{dataset}`` for the dataset."""
    known = shipped_gans()
    yield from (name for text in texts if (name := text.replace("{dataset}", dataset)) in known)


def _content(choice: ComponentSpec, maker: KeyMaker) -> Iterator[list[str]]:
    """Yield what a name stands for: the content of a dataset, a GAN's file or any file, the weights of a network."""
    name, base = choice.name, re.split("[:@]", choice.name)[0]
    network = name.rpartition("@")[2]
    if without_pick(name) in shipped_gans() or name.startswith((CHECKPOINT, FACTORY)):
        file = ComponentSpec(without_pick(name), choice.options)
        yield [name, _or_absent(lambda: maker.file(file))]
        if trained_on := _dataset_of(file):
            yield [trained_on, _or_absent(lambda: maker.dataset(parse_choice(trained_on, "")))]
    elif base in registry.entries("dataset"):
        yield [name, _or_absent(lambda: maker.dataset(choice))]
    elif network.partition(":")[0] in registry.entries("features"):
        yield [network, json.dumps(maker.network(network))]
    elif re.search(r"[./]", name) and _is_file(name):
        yield [name, sha256(Path(name).expanduser())]


def _or_absent(make: Any) -> str:
    try:
        return str(make())
    except BenchError as error:  # the run itself raises it
        return f"absent: {error}"


def _dataset_of(gan: ComponentSpec) -> str:
    """Return the dataset in the header of a GAN's file; "" if there is none."""
    if runs_code(gan.name):
        return ""
    try:
        path = gan_file(gan.name)
        header = json.loads(read_header(path)["__metadata__"]["ganinv"]) if path else {}
        return str(header["metadata"]["dataset"])
    except (BenchError, OSError, ValueError, KeyError, TypeError):
        return ""


def _is_file(text: str) -> bool:
    try:
        return Path(text).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):
        return False


def _folder(images: str) -> list[list[str]]:
    """Return names and hashes of the content of the files in a folder; empty if the text names no folder."""
    root = Path(images).expanduser()
    if not images or not root.is_dir():
        return []
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    return [list(pair) for pair in zip(names, content_hashes(root, names, "--images"), strict=True)]
