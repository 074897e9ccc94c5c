"""The randomisation test against scipy."""

import numpy as np
import pytest

from sakuin.tuning.significance import randomisation_test


def test_the_randomisation_test_is_scipys() -> None:
    from scipy.stats import bootstrap, permutation_test

    generator = np.random.default_rng(0)
    a = generator.normal(0.2, 1, 40)
    b = a + generator.normal(-0.15, 0.5, 40)
    ours = randomisation_test(a, b)
    oracle = permutation_test(
        (a, b),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(1),
    )
    assert ours.value == pytest.approx(float((a - b).mean()))
    assert ours.p == pytest.approx(float(oracle.pvalue), abs=0.01)
    interval = bootstrap((a - b,), np.mean, method="percentile", rng=np.random.default_rng(2)).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high), abs=0.01)
