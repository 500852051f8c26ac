"""Made-up records with known answers, as the store would hand them to the reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.contracts import Record

UP = {"psnr", "ssim", "label_accuracy"}
BUDGET = {
    "name": "smoke",
    "train_images": 0,
    "test_images": 40,
    "own_images": 10,
    "train_steps": 10,
    "fit_steps": 10,
    "search_steps": 5,
    "refine_steps": 5,
    "timeout": 60.0,
}


def build_record(
    folder: Path | None,
    method: str,
    seed: int = 0,
    images: dict[str, np.ndarray] | None = None,
    sets: dict[str, float] | None = None,
    own: dict[str, np.ndarray] | None = None,
    gallery: tuple[np.ndarray, np.ndarray] | None = None,
    **changes,
) -> Record:
    """A record that is done; per-image values go to Parquet where ``folder`` says, ``changes`` override fields."""
    tracks = {"test": images or {}, "own": own or {}}
    metrics = {t: {m: {"value": float(np.mean(v)), "n": len(v)} for m, v in by.items()} for t, by in tracks.items()}
    metrics["test"] |= {m: {"value": v, "n": 40} for m, v in (sets or {}).items()}
    names = [m for by in metrics.values() for m in by]
    cell = {
        "dataset": {"name": "digits", "options": {}, "label": "Digits"},
        "gan": {"name": "dcgan", "options": {}, "label": ""},
        "method": {"name": method, "options": changes.pop("options", {}), "label": changes.pop("label", "")},
        "seed": seed,
        "budget": BUDGET | changes.pop("budget", {}),
        "metrics": names,
    }
    cell |= changes.pop("cell", {})
    facts = {
        "capacity": "z",
        "trained_on": "train images",
        "optimises": [],
        "control": False,
        "trained_parameters": 1000,
        "code_dim": 8,
        "dataset_checksum": "d" * 64,
        "gan_checksum": f"gan{seed}",
        "higher_is_better": {m: m.split("@", maxsplit=1)[0] in UP for m in names},
    }
    made = Record(
        key=changes.pop("key", f"{method}-{seed}"),
        cell=cell,
        status=changes.pop("status", "done"),
        metrics={t: by for t, by in metrics.items() if by},
        protocol={m: {"range": "uint8", "n": 40} for m in names} | changes.pop("protocol", {}),
        facts=facts | changes.pop("facts", {}),
        cost={"train_seconds": 1.0, "fit_seconds": 2.5, "invert_ms_per_image": 0.7, "generator_calls_per_image": 1.0}
        | changes.pop("cost", {}),
        environment={"device": "cpu", "versions": {"torch": "2.15"}, "commit": "abc1234", "dirty": False}
        | changes.pop("environment", {}),
        folder=folder,
        **changes,
    )
    if folder is not None:
        _store(made, folder, tracks, gallery)
    return made


def _store(made: Record, folder: Path, tracks, gallery) -> None:
    parts = [
        pd.DataFrame({"track": t, "index": np.arange(len(next(iter(by.values())))), **by})
        for t, by in tracks.items()
        if by
    ]
    if parts:
        pd.concat(parts).to_parquet(folder / f"{made.key}.parquet")
    if gallery is not None:
        np.savez(folder / f"{made.key}.npz", target=gallery[0], output=gallery[1])


@pytest.fixture
def make(tmp_path):
    """Build a record whose files lie in the test's folder: ``make("dfi", seed=1, images={"psnr": values})``."""

    def made(method: str, seed: int = 0, **more) -> Record:
        return build_record(tmp_path, method, seed, **more)

    return made


@pytest.fixture
def suite(make):
    """Three seeds of two contenders that differ, one tied with the first, one of another class, and a control."""
    rng = np.random.default_rng(0)
    base = rng.normal(20, 3, 40)
    shifts = {"encoder": 0.0, "twin": 0.0, "worse": -2.0, "wplus": 4.0, "random": -9.0}
    records = []
    for method, shift in shifts.items():
        for seed in range(3):
            images = {
                "psnr": base + shift + rng.normal(0, 0.5, 40) - (0.02 if method == "twin" else 0.0),
                "lpips@alex": 0.4 - 0.01 * shift + rng.normal(0, 0.05, 40),
            }
            facts = {"control": method == "random", "capacity": "w+" if method == "wplus" else "z"}
            facts["optimises"] = ["mse", "psnr"] if method == "encoder" else []
            fid = 20.0 - shift + 0.1 * seed
            own = {"code_mse": rng.uniform(0, 1, 10)}
            records.append(make(method, seed, images=images, sets={"fid@inception": fid}, own=own, facts=facts))
    return records
