"""Tests of overfitting in GANs: recovery errors of training, unseen and generated images, and a verdict.

``statistics``, ``neighbours`` and ``verdict`` are functions of arrays and need no GAN:

- ``statistics.error_statistics(train, test, own) -> ErrorStatistics``: recovery errors ``[n]`` of three groups of
  images (``min_z mean |G(z) - x|^2``, pixels in [-1, 1]) give the signed ``gap`` with its interval, the
  ``separation`` (KS, Mann-Whitney, Cliff's delta, AUC of membership, the share of training images in the lowest
  errors), the ``gate`` (the share of generated images that the search recovers) and ``detectable`` (the smallest gap
  that the test can detect).
- ``neighbours.set_statistics(own, train, test, seed) -> SetStatistics``: flat images or features ``[n, d]`` of
  samples and of both real sets give AuthPct, C_T, 1-NN accuracy, precision and recall, the ``copying`` test,
  ``variety``, and a test that train and test images are exchangeable. No search is involved.
- ``modes.mode_statistics(...) -> ModeStatistics``: classes of images that samples lack and the search cannot recover.
- ``verdict.overfit_verdict(errors, sets, modes) -> OverfitVerdict``: ``outcome`` is one of ``verdict.OUTCOMES``, with
  reasons. Every argument but ``errors`` may be None; the verdict then leaves that part out.

``recovery.Recovery(gan, search, store).recover(groups)`` measures the errors of a GAN, ``examination.examine_gan``
does all of it for ``ganinv overfit``, ``report`` writes the report, ``ranking`` compares GANs and ``sweep`` follows a
training.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """The package ``bench.overfit``, which is also callable: the function of the Python API that examines a GAN."""

    def __call__(self, *gans: str, **options: Any) -> Any:
        """See ``bench.api.overfit``."""
        from bench.overfit.run import examine

        return examine(*gans, **options)


sys.modules[__name__].__class__ = _Room
