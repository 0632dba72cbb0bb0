"""Warping: round trips, moments, and values a logarithm cannot take."""

import jax
import numpy as np

from sparse_jax.surrogate import warping


def _fit(y, valid=None, log=None):
    with jax.enable_x64(True):
        y = np.atleast_2d(np.asarray(y, float))
        valid = np.ones(y.shape, bool) if valid is None else valid
        log = np.zeros(len(y), bool) if log is None else np.asarray(log)
        warp = warping.fit(y, valid, log)
        z = np.asarray(warping.forward(warp, y))
        return warp, z, np.asarray(warping.inverse(warp, z))


def test_round_trip_and_moments():
    rng = np.random.default_rng(0)
    y = np.stack([rng.normal(5, 3, 50), np.exp(rng.normal(6, 2, 50))])
    _, z, back = _fit(y, log=[False, True])
    np.testing.assert_allclose(z.mean(1), 0, atol=1e-9)
    np.testing.assert_allclose(z.std(1), 1, atol=1e-9)
    np.testing.assert_allclose(back, y, rtol=1e-9)


def test_only_valid_entries_count():
    y = np.array([[1.0, 2.0, 3.0, 1e9]])
    valid = np.array([[True, True, True, False]])
    _, z, _ = _fit(y, valid)
    np.testing.assert_allclose(z[0, :3], (y[0, :3] - 2) / np.std([1, 2, 3]))


def test_zero_on_a_logarithmic_scale_is_cut_off():
    _, z, back = _fit([[0.0, 4.0, 8.0]], log=[True])
    assert np.isfinite(z).all() and z[0, 0] < z[0, 1]
    np.testing.assert_allclose(back[0], [2.0, 4.0, 8.0])


def test_degenerate_data_stay_finite():
    for y in ([[3.0, 3.0, 3.0]], [[0.0, 0.0, 0.0]]):
        for log in ([False], [True]):
            _, z, back = _fit(y, log=log)
            assert np.isfinite(z).all() and np.isfinite(back).all()
    _, z, _ = _fit([[1.0, 2.0]], valid=np.zeros((1, 2), bool), log=[True])
    assert np.isfinite(z).all()


def test_a_wild_draw_stays_finite():
    warp, _, _ = _fit([[1.0, 10.0]], log=[True])
    with jax.enable_x64(True):
        assert np.isfinite(warping.inverse(warp, np.array([[1e6]]))).all()
