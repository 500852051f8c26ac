"""Values that the tests of statistics share."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def values():
    return np.random.default_rng(1).gamma(2.0, 3.0, 300)
