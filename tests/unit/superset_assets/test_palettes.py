"""The colours of charts, seen as colour-blind people see them.

Simulated by Machado, Oliveira and Fernandes (2009), matrices of severity 1.0 on linear RGB; distances are CIE 1976 in
CIELAB, where 2.3 is what can just be noticed side by side.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from superset_assets.palettes import CATEGORICAL

VISION = {
    "usual": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TOLD_APART = 15
WHITE = "#FFFFFF"

Colour = NDArray[np.float64]


def linear(colour: str) -> Colour:
    channels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(light: Colour) -> Colour:
    """Return CIELAB of linear sRGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = to_xyz @ np.clip(light, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one: str, other: str, vision: str) -> float:
    seen = [lab(VISION[vision] @ linear(colour)) for colour in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


@pytest.mark.parametrize("vision", VISION)
def test_any_two_colours_are_told_apart(vision: str) -> None:
    for one, other in combinations((*CATEGORICAL, WHITE), 2):
        assert distance(one, other, vision) >= TOLD_APART, (one, other)


def test_red_and_green_alone_would_be_refused() -> None:
    assert distance("#2CA02C", "#D62728", "usual") > TOLD_APART > distance("#2CA02C", "#D62728", "deuteranopia")
