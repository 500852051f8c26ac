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
            help="DATASET/NAME of a shipped GAN, checkpoint:PATH or factory:MODULE:FUNCTION; options follow a '?'.",
        ),
    ],
    dataset: Annotated[
        str, typer.Option(help="Dataset whose train split is the GAN's training data and whose test split is unseen.")
    ] = "",
    train: Annotated[
        Path | None, typer.Option(help="Folder of the GAN's training images, in place of --dataset.")
    ] = None,
    test: Annotated[Path | None, typer.Option(help="Folder of unseen images, in place of --dataset.")] = None,
    resize: Annotated[
        bool,
        typer.Option(
            "--resize", help="Resize images of folders to the generator's size. Default: refuse other sizes."
        ),
    ] = False,
    n: Annotated[
        int, typer.Option(help="Number of images of each group; 0: 40 at smoke, 500 at cpu, 2000 at paper.")
    ] = 0,
    search: Annotated[str, typer.Option(help="Search method: lbfgs?starts=4, lm, adam ... Default: lbfgs.")] = "",
    steps: Annotated[
        int, typer.Option(help="Search steps for each image; 0: 40 at smoke, else 400 (adam, gradient: 1000).")
    ] = 0,
    budget: Annotated[str, typer.Option(help="Size of the examination: smoke, cpu or paper.")] = "cpu",
    compare: Annotated[
        bool, typer.Option("--compare", help="Rank several GANs on the same images. Default: examine one GAN.")
    ] = False,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Compare checkpoints of one training. Default: examine one GAN.")
    ] = False,
    prior: Annotated[
        str, typer.Option(help="Latent prior, normal or uniform. Default: that stored with the generator.")
    ] = "",
    code_dim: Annotated[int, typer.Option(help="Latent dimensions; 0: the number stored with the generator.")] = 0,
    recovered: Annotated[
        float, typer.Option(help="Mean squared error below which an image counts as recovered; 0: 1e-6.")
    ] = 0.0,
    gate: Annotated[
        float, typer.Option(help="Share of generated images that the search has to recover; 0: 0.9.")
    ] = 0.0,
    curve: Annotated[bool, typer.Option(help="Also evaluate smaller numbers of search steps.")] = True,
    seed: Annotated[int, typer.Option(help="Seed of all random numbers.")] = 0,
    jobs: Annotated[int, typer.Option(help="Number of processes; one for each core is fastest.")] = 1,
    plugin: Plugins = None,
    out: Out = None,
    allow_code: AllowCode = False,
) -> None:
    """Test a GAN for overfitting: invert training, unseen and generated images, and give a verdict with its reasons.

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
