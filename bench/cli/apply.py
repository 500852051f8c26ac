"""The commands ``ganinv apply NAME``: one for each registered application, whose fields are its options.

They are made when one is called or listed, after the plug-ins of the command line are registered.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bench.cli import console
from bench.cli.options import AllowCode, Plugins
from bench.core import registry
from bench.core.errors import BenchError, ContractError


class ApplicationGroup(TyperGroup):
    """The commands of all registered applications, of plug-ins too."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all applications."""
        self._make()
        return sorted(super().list_commands(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the arguments name, after registering their plug-ins.

        Raises:
            BenchError: a plug-in cannot be read, or registers nothing.
        """
        for path in _plugins_in(args):
            registry.add_plugin(path)
        self._make()
        return super().resolve_command(ctx, args)

    def _make(self) -> None:
        for name in registry.entries("application"):
            if name not in self.commands:
                self.commands[name] = _built(name)


apply_app = typer.Typer(
    cls=ApplicationGroup,
    help="Applications of inversion. Each command draws a picture and, where numbers are measured, writes tables.",
    no_args_is_help=True,
    callback=lambda: None,
)

Step = int | None


def _common(
    gan: Annotated[
        str, typer.Option(help="GAN: a shipped one, checkpoint:PATH, RECIPE?OPTIONS, or one of --suite.")
    ] = "",
    method: Annotated[str, typer.Option(help="Inversion method: dfi, dfi+opt, lm?starts=2 ...")] = "dfi",
    dataset: Annotated[
        str, typer.Option(help="Training data of GAN and method. Default: that named in the GAN's file.")
    ] = "",
    images: Annotated[
        str, typer.Option(help="Images to process: a folder or a dataset. Default: test images of --dataset.")
    ] = "",
    side: Annotated[
        int, typer.Option(help="Side in pixels to which images of a folder are scaled; 0: that of the GAN.")
    ] = 0,
    count: Annotated[int, typer.Option(help="Number of images; 0: 32, or all if there are fewer.")] = 0,
    network: Annotated[
        str, typer.Option(help="Classifier and perceptual network. Default: that of the dataset.")
    ] = "",
    suite: Annotated[str, typer.Option(help="Suite whose trained GANs and methods are used. Default: none.")] = "",
    budget: Annotated[
        str, typer.Option(help="Budget of --suite: smoke, cpu or paper. Default: that of the suite.")
    ] = "",
    train_steps: Annotated[
        Step, typer.Option(help="Training steps of an untrained GAN. Default: 2000, or that of --suite.")
    ] = None,
    fit_steps: Annotated[
        Step, typer.Option(help="Training steps of a method that learns. Default: 300, or that of --suite.")
    ] = None,
    search_steps: Annotated[
        Step, typer.Option(help="Search steps for each image. Default: 100, or that of --suite.")
    ] = None,
    refine_steps: Annotated[
        Step, typer.Option(help="Steps of a refiner for each image. Default: 50, or that of --suite.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for picture and tables. Default: one named after the run, in the cache folder."),
    ] = None,
    plugin: Plugins = None,
    allow_code: AllowCode = False,
) -> None:
    """Options of every application; the parameters of this function are added to those of each command."""


def _run(name: str, options: dict[str, Any], words: dict[str, Any]) -> None:
    from bench.applications.publish import run_application
    from bench.applications.request import STEPS, ApplicationRequest
    from bench.core.paths import device
    from bench.harness.experiment import silent
    from bench.harness.experiment_report import cell_texts

    steps = tuple((step, words.pop(step)) for step in STEPS)
    out, plugins, allow_code = words.pop("out"), words.pop("plugin") or [], words.pop("allow_code")
    with console.interruptible(), console.RunDisplay() as display:
        request = ApplicationRequest(
            **words,
            steps=tuple((step, number) for step, number in steps if number is not None),
            device=device(),
            progress=display.observer().progress or silent,
        )
        result, folder = run_application(name, request, options, plugins=plugins, out=out, allow_code=allow_code)
    for title, rows in result.tables.items():
        console.table(title, [str(column) for column in rows.columns], cell_texts(rows))
    console.note(f"\nPicture and table: {folder}")


def _command(name: str) -> Callable[..., None]:
    """Return the command of an application; its options are the fields of the class.

    Raises:
        ContractError: the application cannot be loaded, or an option has the name of one of all applications.
    """
    cls = registry.load("application", name)
    fields = [field for field in dataclasses.fields(cls) if field.init]
    helps = _helps(cls)

    def command(**words: Any) -> None:
        given = {f.name: _read(f.name, text, cls) for f in fields if (text := words.pop(f.name)) is not None}
        _run(name, given, words)

    shared = inspect.signature(_common, eval_str=True).parameters
    taken = [field.name for field in fields if field.name in shared]
    if taken:
        raise ContractError(f"application '{name}': option {taken[0]} is one of all applications; rename the field")
    common = shared.values()
    kind = inspect.Parameter.KEYWORD_ONLY
    own = [inspect.Parameter(f.name, kind, default=None, annotation=_option(f, helps)) for f in fields]
    parameters = [*own, *(p.replace(kind=kind) for p in common)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    about = re.split(r"\n\s*Attributes:", inspect.getdoc(cls) or "")[0].strip()
    command.__doc__ = f"{about}\n\nExample:  ganinv apply {name} {cls.example}"
    return command


def _option(field: dataclasses.Field[Any], helps: dict[str, str]) -> Any:
    default = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
    shown = str(default) if default not in {"", dataclasses.MISSING} else ""
    about = helps.get(field.name, "")
    return Annotated[
        str | None,
        typer.Option(
            f"--{field.name.replace('_', '-')}",
            help=f"{about[:1].upper()}{about[1:]}{f' Default: {shown}.' if shown else ''}".replace("[", "\\["),
            show_default=False,
            metavar="VALUE",
        ),
    ]


def _read(name: str, text: str, cls: type[Any]) -> Any:
    """Return the value of an option; the values of a list are separated by commas."""
    from bench.harness.suite import parse_options

    hint = typing.get_type_hints(cls)[name]
    listed = typing.get_origin(hint) is tuple
    parts = [part.strip() for part in text.split(",") if part.strip()] if listed else [text]
    if str not in {hint, *typing.get_args(hint)[:1]}:  # texts are taken as they are: classes may be called 0 and 1
        parts = [parse_options([f"{name}={part}"], f"--{name}")[name] for part in parts]
    return parts if listed else parts[0]


def _helps(cls: type[Any]) -> dict[str, str]:
    """Return the description of each field in the class's docstring."""
    text = (inspect.getdoc(cls) or "").partition("Attributes:\n")[2]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE)
    return {name: " ".join(about.split()) for name, about in found}


def _plugins_in(words: Sequence[str]) -> Iterator[Path]:
    """Yield the files of ``--plugin FILE`` and ``--plugin=FILE``."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, _, value = word.partition("=")
        if option == "--plugin" and (value or following):
            yield Path(value or following)


def _built(name: str) -> Any:
    """Return the command of an application; that of one that cannot be loaded raises the reason when it is called."""
    one = typer.Typer(add_completion=False, rich_markup_mode="rich")
    try:
        one.command(name)(_command(name))
    except BenchError as error:
        one.command(name, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(_broken(error))
    return typer.main.get_command(one)


def _broken(error: BenchError) -> Callable[[], None]:
    def command() -> None:
        raise error

    command.__doc__ = f"BROKEN: {error}".replace("[", "\\[")
    return command
