"""GANs of the user: returned by a function (``factory:MODULE:FUNCTION``), or read from an archive that contains code.

Opening one runs that code and therefore requires permission; the GAN is validated before it is used.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn

from bench.core.errors import BenchError, ContractError, WeightsError, suggest, unknown
from bench.core.files import digest
from bench.core.fingerprints import CodeReader
from bench.core.paths import code_allowed
from bench.core.types import ComponentSpec, Gan, Prior
from bench.gans.behaviour import observe
from bench.gans.priors import PriorName, make_prior
from bench.gans.validate import examine, said, shape_of
from bench.gans.zoo import EXPORTED, FACTORY, factory_parts, gan_file, gan_identity

DESCRIBING = ("code_dim", "prior")
"""Options that describe the codes of a generator without these attributes."""
TORCHSCRIPT, EXPORT, PICKLE = "TorchScript", "torch.export", "pickle"


_imported: dict[Path, str] = {}
"""Files of factories that this process imported, with the fingerprint of their code then."""


class AlwaysEval(nn.Module):
    """A module that is always in eval mode: one from an archive, on which ``train`` and ``eval`` cannot be called.

    Args:
        module: from codes ``[B, d]`` to images ``[B, C, H, W]``.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.training = False

    def train(self, mode: bool = True) -> AlwaysEval:
        """Return the module unchanged."""
        return self

    def forward(self, codes: Tensor) -> Tensor:
        """The module's images."""
        images: Tensor = self.module(codes)
        return images


def open_foreign(choice: ComponentSpec, device: str = "cpu") -> Gan:
    """Run the user's code and return its GAN: frozen, in eval mode, on the device, validated.

    A factory may return a ``Gan``, a generator, or a generator and a discriminator. Options are its keyword
    arguments. ``code_dim`` and ``prior`` also describe the codes of a generator that has no attributes of these names
    (or ``z_dim``); they are passed only to a factory with such parameters. Random weights are drawn from seed 0.

    Provenance: "factory" or "file", "sha256" of the module's or archive's file, "options", and the SHA-256 of
    files that options name. The identity also covers code and images of fixed codes.

    Args:
        choice: ``factory:MODULE:FUNCTION``, or ``checkpoint:PATH`` of a TorchScript or ``torch.export`` archive.
        device: "cpu" or "cuda".

    Raises:
        BenchError: code is not allowed to run (``bench.core.paths.allowing_code``).
        UnknownName: an option without effect.
        ContractError: the code fails, its GAN violates the contract, or gives other images than when first opened.
        WeightsError: the file is not a complete archive of its kind.
    """
    if not code_allowed():
        raise BenchError(
            f"{choice.name} runs code of yours; add --allow-code (from Python allow_code=True) if you trust it"
        )
    identity, path = gan_identity(choice), gan_file(choice.name)
    assert identity is not None, choice.name
    assert path is not None, choice.name
    if choice.name.startswith(FACTORY):
        made, describing = _made(choice, path)
        source = {"factory": choice.name.removeprefix(FACTORY)}
    else:
        made, describing = _read(path, device), _only_describing(choice)
        source = {"file": path.name}
    gan = _as_gan(made, describing, device, choice.name).to(device).freeze()
    examine(gan, device, choice.name)
    images = observe(gan, identity, device, choice.name)
    files = {"option_files": identity["option files"]} if identity["option files"] else {}
    gan.provenance = {**source, "sha256": identity["file"], "options": dict(choice.options), **files}
    gan.identity = digest([identity, images])
    gan.calls = 0
    return gan


# ----------------------------------------------------------------------------------------------- factories


def _made(choice: ComponentSpec, path: Path) -> tuple[Any, dict[str, Any]]:
    """Return the factory's result, and the options that describe its codes and were not passed to it."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(0)
        function = _function(choice.name, path)
        arguments = _arguments(function, choice)
        try:
            made = function(**arguments)
        except Exception as error:
            raise ContractError(f"{choice.name}: raised {_placed(error)}") from error
    described = {k: v for k, v in choice.options.items() if k in DESCRIBING}
    if isinstance(made, Gan):
        described = {k: v for k, v in described.items() if k not in arguments}
    return made, described


def _function(name: str, path: Path) -> Callable[..., Any]:
    module_name, attribute = factory_parts(name)
    here = str(Path.cwd())
    if not {here, ""} & set(sys.path):
        sys.path.append(here)  # last, so that no file of the user replaces an installed package
    code, imported = CodeReader().file(path).fingerprint, module_name in sys.modules
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise ContractError(f"{name}: module {module_name} cannot be imported: {_placed(error)}") from error
    loaded = getattr(module, "__file__", None)
    if loaded is None or Path(loaded).resolve() != path:
        raise ContractError(f"{name}: another module is already called {module_name} ({loaded}); rename {path.name}")
    if imported and _imported.get(path, code) != code:
        raise ContractError(f"{name}: {path} or a module beside it changed after it was imported; start Python anew")
    _imported[path] = code
    function = getattr(module, attribute, None)
    if not callable(function):
        known = [n for n, value in vars(module).items() if inspect.isfunction(value)]
        raise ContractError(f"{name}: {path} has no function '{attribute}'{suggest(attribute, known)}")
    checked: Callable[..., Any] = function
    return checked


def _arguments(function: Callable[..., Any], choice: ComponentSpec) -> dict[str, Any]:
    signature = inspect.signature(function)
    parameters = signature.parameters.values()
    named = {p.name for p in parameters if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}}
    takes_all = any(p.kind == p.VAR_KEYWORD for p in parameters)
    for option in choice.options:
        if not takes_all and option not in named and option not in DESCRIBING:
            raise unknown("option", option, {*named, *DESCRIBING}, choice.name)
    given = {k: v for k, v in choice.options.items() if takes_all or k in named}
    try:
        signature.bind(**given)
    except TypeError as error:
        raise ContractError(f"{choice.name}: {error}; give it a default, or state it as an option") from error
    return given


def _placed(error: Exception) -> str:
    """Return an exception of the user's code and the line that raised it, as text."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{said(error)} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


# ------------------------------------------------------------------------------------------------ archives


def _read(path: Path, device: str) -> nn.Module:
    wanted, found = EXPORT if path.suffix.lower() in EXPORTED else TORCHSCRIPT, _kind(path)
    if found == PICKLE and wanted == TORCHSCRIPT:
        raise WeightsError(
            f"{path}: a pickle of torch.save, which is not supported; save the generator with torch.jit or "
            "torch.export, or build it in a factory:MODULE:FUNCTION that loads these weights"
        )
    if found != wanted:
        what = "not a whole" if found in {PICKLE, ""} else f"a {found}"
        raise WeightsError(f"{path}: {what} archive; expected one of {wanted}")
    try:
        with _quiet():
            return _exported(path, device) if wanted == EXPORT else _scripted(path, device)
    except BenchError:
        raise
    except Exception as error:
        raise WeightsError(f"{path}: cannot be loaded: {said(error)}") from error


def _kind(path: Path) -> str:
    """Return the program that wrote a file, from the names in it; nothing is loaded."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.rpartition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError):
        return ""
    if names & {"archive_format", "serialized_exported_program.json"}:
        return EXPORT
    if "constants.pkl" in names:
        return TORCHSCRIPT
    return PICKLE if "data.pkl" in names else ""


def _scripted(path: Path, device: str) -> nn.Module:
    module: nn.Module = torch.jit.load(path, map_location=device)
    return module


def _exported(path: Path, device: str) -> nn.Module:
    from torch.export.passes import move_to_device_pass

    program = move_to_device_pass(torch.export.load(path), device)
    inputs = [node.meta["val"] for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    if len(inputs) != 1 or not isinstance(inputs[0], Tensor):
        raise WeightsError(f"{path}: takes {len(inputs)} inputs, expected one: codes [B, d]")
    batch: Any = inputs[0].shape[0]  # symbolic if it is dynamic
    if isinstance(batch, int):
        raise WeightsError(
            f"{path}: exported for batches of {batch}; export it with a dynamic batch dimension: "
            'dynamic_shapes=({0: torch.export.Dim("batch")},)'
        )
    module: nn.Module = program.module()
    return module


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress warnings and logged tracebacks of torch's loaders; errors are raised."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _only_describing(choice: ComponentSpec) -> dict[str, Any]:
    for option in choice.options:
        if option not in DESCRIBING:
            raise unknown("option", option, DESCRIBING, choice.name)
    return dict(choice.options)


# ----------------------------------------------------------------------------------------------------- GANs


def _as_gan(made: Any, described: Mapping[str, Any], device: str, where: str) -> Gan:
    if isinstance(made, Gan):
        if described:
            raise ContractError(
                f"{where}: returns a Gan, which defines its own codes; remove option {next(iter(described))}"
            )
        return made
    generator, discriminator = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(generator, nn.Module) or not isinstance(discriminator, nn.Module | None):
        raise ContractError(
            f"{where}: returned {_kinds(made)}, expected a generator (nn.Module), (generator, discriminator) or a Gan"
        )
    prior, generator = _prior(generator, described, where), _in_eval_mode(generator.to(device))
    return Gan(generator, discriminator, prior, shape_of(generator, prior, device, where))


def _in_eval_mode(module: nn.Module) -> nn.Module:
    try:
        module.eval()
    except NotImplementedError:  # an exported program is in eval mode, and has no eval()
        return AlwaysEval(module)
    return AlwaysEval(module) if isinstance(module, torch.jit.ScriptModule) else module  # it has no requires_grad_()


def _prior(generator: nn.Module, described: Mapping[str, Any], where: str) -> Prior:
    told = next((n for name in ("code_dim", "z_dim") if _whole(n := getattr(generator, name, None))), None)
    dim = described.get("code_dim", told)
    if dim is None:
        raise ContractError(f"{where}: how many numbers has a code? Add code_dim = NUMBER to its table in the suite")
    if not _whole(dim) or told not in {None, dim}:
        says = f"the generator states {told}" if _whole(dim) else "expected a whole number, 1 or more"
        raise ContractError(f"{where}: code_dim = {dim!r}; {says}")
    attribute = getattr(generator, "prior", None)
    prior = described.get("prior", attribute if isinstance(attribute, str) else None)
    if prior is None:
        ways = 'prior = "normal" or prior = "uniform" (on [-1, 1])'
        raise ContractError(f"{where}: how are codes distributed? Add {ways} to its table in the suite")
    if prior not in get_args(PriorName):
        raise ContractError(f"{where}: prior = {prior!r}; expected 'normal' or 'uniform'")
    return make_prior(prior, dim)


def _whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def _kinds(made: Any) -> str:
    return f"({', '.join(type(part).__name__ for part in made)})" if isinstance(made, tuple) else type(made).__name__
