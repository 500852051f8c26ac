"""The command ``ganinv overfit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import console
from bench.cli.options import AllowCode, Out, Plugins
from bench.core.errors import BenchError


def overfit(
    gans: Annotated[
        list[str],
        typer.Argument(
            metavar="GAN...",
            help="DATASET/NAME that ships, checkpoint:PATH, or factory:MODULE:FUNCTION; '?' options.",
        ),
    ],
    dataset: Annotated[str, typer.Option(help="Its train split was trained on, its test split was not.")] = "",
    train: Annotated[Path | None, typer.Option(help="Folder of images that the GAN was trained on.")] = None,
    test: Annotated[Path | None, typer.Option(help="Folder of images that it was not.")] = None,
    resize: Annotated[bool, typer.Option("--resize", help="Resize files to the generator's size.")] = False,
    n: Annotated[int, typer.Option(help="Images of each kind; that of the budget if 0: 500 at cpu.")] = 0,
    search: Annotated[str, typer.Option(help="lbfgs?starts=4, lm, adam ...; lbfgs if left out.")] = "",
    steps: Annotated[int, typer.Option(help="Of the search; those of the budget if 0.")] = 0,
    budget: Annotated[str, typer.Option(help="smoke, cpu or paper.")] = "cpu",
    compare: Annotated[bool, typer.Option("--compare", help="Rank several GANs on the same images.")] = False,
    sweep: Annotated[bool, typer.Option("--sweep", help="Follow several checkpoints of one training.")] = False,
    prior: Annotated[str, typer.Option(help="normal or uniform, if the generator does not say.")] = "",
    code_dim: Annotated[int, typer.Option(help="Numbers in a code, if the generator does not say.")] = 0,
    recovered: Annotated[float, typer.Option(help="Error below which an image is found; 1e-6 if 0.")] = 0.0,
    gate: Annotated[float, typer.Option(help="Share of own images that has to be found; .9 if 0.")] = 0.0,
    curve: Annotated[bool, typer.Option(help="Try weaker budgets of the search too.")] = True,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes that share the work; one for each core is fastest.")] = 1,
    plugin: Plugins = None,
    out: Out = None,
    allow_code: AllowCode = False,
) -> None:
    """Did this GAN overfit? Inverts training, unseen and own images, and gives a verdict with its reasons.

    Finished images are stored; an interrupted run goes on where it stopped.

    Examples:  ganinv overfit fashion-mnist/dcgan --dataset fashion-mnist --n 100
    |    ganinv overfit checkpoint:my_gan.pt --train seen/ --test unseen/ --prior normal --code-dim 64 --allow-code
    |    ganinv overfit --compare fashion-mnist/gan fashion-mnist/wgan --dataset fashion-mnist
    """
    from bench.overfit.run import OverfitOptions
    from bench.overfit.run import overfit as examine

    if compare and sweep:
        raise BenchError("--compare and --sweep ask different things; give one of them")
    asked = OverfitOptions(
        tuple(gans),
        "compare" if compare else "sweep" if sweep else "one",
        dataset=dataset,
        train=train,
        test=test,
        resize=resize,
        n=n,
        search=search,
        steps=steps,
        budget=budget,
        prior=prior,
        code_dim=code_dim,
        recovered_below=recovered,
        gate=gate,
        curve=curve,
        seed=seed,
        jobs=jobs,
    )
    with console.interruptible(), console.RunDisplay() as display:
        answer = examine(
            asked, plugins=plugin or [], out=out, progress=display.observer().progress, allow_code=allow_code
        )
    if answer.rows:
        console.table("", answer.columns, answer.rows)
    for line in (*answer.lines, *(f"- {text}" for text in answer.reasons)):
        console.note(line)
    console.note(f"Report: {answer.page}")
