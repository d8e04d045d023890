"""How smooth a movement is: two measures of a speed curve that were found reliable.

Sources: Balasubramanian et al., "On the analysis of movement smoothness", J NeuroEng Rehabil 2015,
12:112 (both measures and their parameters); Cornec et al., J NeuroEng Rehabil 2024, 21:90 (of four
measures these two are reliable).
"""

from __future__ import annotations

import numpy as np

# Of the spectrum: highest frequency in Hz, least amplitude, and how much zeros lengthen it.
TOP_HZ, LEAST_AMPLITUDE, PADDING = 10.0, 0.05, 4
# Below this peak, in torso lengths a second, nothing moves and smoothness means nothing.
LEAST_SPEED = 0.05


def log_jerk(speed_T: np.ndarray, fps: float) -> float:
    """Log dimensionless jerk of a speed curve: nearer to 0 is smoother; 0 where nothing moves.

    -ln(duration^3 / peak^2 * integral of the squared second derivative of the speed).
    """
    peak = float(speed_T.max(initial=0.0))
    if len(speed_T) < 4 or peak < LEAST_SPEED:
        return 0.0
    second_T = np.gradient(np.gradient(speed_T, 1 / fps), 1 / fps)
    duration = (len(speed_T) - 1) / fps
    jerk = duration**3 / peak**2 * float((second_T**2).sum()) / fps
    return -float(np.log(max(jerk, 1e-6)))


def spectral_arc_length(speed_T: np.ndarray, fps: float) -> float:
    """SPARC of a speed curve: minus its normalised spectrum's length; 0 where nothing moves."""
    if len(speed_T) < 4 or float(speed_T.max(initial=0.0)) < LEAST_SPEED:
        return 0.0
    size = int(2 ** (np.ceil(np.log2(len(speed_T))) + PADDING))
    hertz = np.arange(size) * fps / size
    amplitude = np.abs(np.fft.fft(speed_T, size))
    amplitude = amplitude / amplitude.max()
    low = hertz <= min(TOP_HZ, fps / 2)
    hertz, amplitude = hertz[low], amplitude[low]
    above = np.flatnonzero(amplitude >= LEAST_AMPLITUDE)
    inside = slice(above[0], above[-1] + 1)
    hertz, amplitude = hertz[inside], amplitude[inside]
    if len(hertz) < 2:
        return 0.0
    steps = np.diff(hertz) / (hertz[-1] - hertz[0])
    return -float(np.hypot(steps, np.diff(amplitude)).sum())
