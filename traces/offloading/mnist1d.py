"""Ten classes of noisy one-dimensional signals, made on the spot: as many samples as asked for.

The pipeline is that of MNIST-1D as its paper describes it: a template of 12 points is padded, stretched,
turned up or down, shifted round, given smooth and white noise and sheared, and the result is sampled
at 40 points. The ten templates here are drawn anew (strokes of the digits read from top to bottom), so
accuracies are of the same kind as, but not equal to, those of the published data set.

References
----------
.. [1] S. Greydanus and D. Kobak, "Scaling down deep learning with MNIST-1D", ICML 2024.

Examples
--------
>>> X, y = mnist1d(100, seed=1)
>>> X.shape, sorted(set(y.tolist())) == list(range(10))
((100, 40), True)
"""

from __future__ import annotations

import numpy as np

from olearn._rng import generator
from olearn.errors import check_positive_int

#: Horizontal position of the pen along each digit, left -1 to right 1.
TEMPLATES = np.array(
    [
        [0.0, 0.5, 0.8, 0.95, 1.0, 1.0, 1.0, 1.0, 0.95, 0.8, 0.5, 0.0],
        [-0.6, -0.3, 0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
        [-0.7, 0.1, 0.7, 0.9, 0.6, 0.2, -0.3, -0.7, -1.0, -0.3, 0.4, 1.0],
        [-0.6, 0.5, 0.9, 0.6, 0.0, -0.2, 0.2, 0.8, 1.0, 0.7, 0.1, -0.7],
        [0.4, 0.1, -0.3, -0.7, -1.0, -0.4, 0.5, 1.0, 0.4, 0.4, 0.4, 0.4],
        [0.9, 0.1, -0.7, -0.8, -0.8, 0.0, 0.6, 0.9, 0.9, 0.5, 0.0, -0.8],
        [0.6, 0.0, -0.5, -0.8, -1.0, -1.0, -0.6, 0.3, 0.8, 0.7, 0.1, -0.5],
        [-1.0, -0.2, 0.6, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0, -0.2, -0.4, -0.5],
        [0.0, -0.8, -0.7, 0.0, 0.7, 0.9, 0.2, -0.7, -1.0, -0.2, 0.8, 0.1],
        [0.7, 0.0, -0.8, -0.8, 0.0, 0.8, 0.9, 0.9, 0.8, 0.6, 0.2, -0.4],
    ]
)
_PAD = (36, 60)
_POINTS = 40


def mnist1d(
    samples: int,
    *,
    seed: int = 0,
    stretch: float = 0.4,
    shift: int = 48,
    smooth_noise: float = 0.25,
    white_noise: float = 0.02,
    shear: float = 0.75,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw signals and their classes.

    Parameters
    ----------
    samples : int
        T.
    seed : int
    stretch : float
        A signal's height is multiplied by 1 + stretch (u - 1/2), u uniform on [0, 1].
    shift : int
        Largest circular shift, in points before sampling.
    smooth_noise, white_noise : float
        Standard deviation of noise smoothed over 2 points, and of white noise.
    shear : float
        A line of slope shear (u - 1/2) is taken off.

    Returns
    -------
    X : ndarray, float64 (T, 40)
    y : ndarray, int64 (T,)
        Classes 0..9, uniform.
    """
    from scipy.ndimage import gaussian_filter1d

    T = check_positive_int("samples", samples)
    rng = generator(seed)
    y = rng.integers(0, 10, T)
    X = np.empty((T, _POINTS))
    for t in range(T):
        signal = np.concatenate([TEMPLATES[y[t]], np.zeros(rng.integers(_PAD[0], _PAD[1] + 1))])
        signal = signal * (1.0 + stretch * (rng.random() - 0.5))
        signal = np.roll(signal, rng.integers(0, shift))
        signal = signal + gaussian_filter1d(smooth_noise * rng.standard_normal(signal.size), 2.0)
        signal = signal + white_noise * rng.standard_normal(signal.size)
        signal = signal - shear * (rng.random() - 0.5) * np.linspace(-0.5, 0.5, signal.size)
        X[t] = np.interp(np.linspace(0.0, signal.size - 1.0, _POINTS), np.arange(signal.size), signal)
    return X, y
