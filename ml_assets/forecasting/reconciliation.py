"""Make the parts sum to the whole: one total for all dimensions, and members that share the difference by their spread.

Points and standard deviations go in and come out; which model made them is of no interest here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml_assets.forecasting.candidates import Values


@dataclass(frozen=True)
class Reconciled:
    """The total's points (h) and, by dimension, the members' points (members x h), which sum to them."""

    total: Values
    members: dict[str, Values]


def reconcile(
    total: Values,
    total_sd: Values,
    members: dict[str, Values],
    members_sd: dict[str, Values],
    *,
    non_negative: bool,
) -> Reconciled:
    """Weight the total's own forecast and the sum of each dimension by their variances, then share out the difference.

    This is the projection of MinT with a diagonal covariance, dimension by dimension. A member takes the more of a
    difference the less certain it is. Where a share would push a member below zero, all members are scaled instead.

    Args:
        total: points of the total, one per month.
        total_sd: their standard deviations.
        members: points by dimension, each members x months; a dimension without members is left out.
        members_sd: their standard deviations, of the same shapes.
        non_negative: keep members at zero or above.
    """
    present = {dimension: points for dimension, points in members.items() if len(points)}
    estimates, precisions = [total], [1 / _variance(total_sd)]
    for dimension, points in present.items():
        estimates.append(points.sum(axis=0))
        # Members err together, so the sum of standard deviations and not of variances, and the dimensions repeat
        # one another: together they count as one more witness.
        precisions.append(1 / _variance(members_sd[dimension].sum(axis=0)) / len(present))
    agreed = np.average(np.array(estimates), axis=0, weights=np.array(precisions))
    if non_negative:
        agreed = np.maximum(agreed, 0.0)
    return Reconciled(
        agreed,
        {
            dimension: _share_out(agreed, points, members_sd[dimension], non_negative=non_negative)
            for dimension, points in present.items()
        },
    )


def _share_out(total: Values, points: Values, sd: Values, *, non_negative: bool) -> Values:
    variance = _variance(sd)
    shared: Values = points + (total - points.sum(axis=0)) * variance / variance.sum(axis=0)
    if not non_negative:
        return shared
    scaled = _scaled(total, np.maximum(points, 0.0))
    kept: Values = np.where((shared < 0).any(axis=0), scaled, shared)
    return kept


def _scaled(total: Values, points: Values) -> Values:
    whole = points.sum(axis=0)
    even = np.full_like(points, 1 / len(points))
    shares = np.divide(points, whole, out=even, where=whole > 0)
    found: Values = shares * total
    return found


def _variance(sd: Values) -> Values:
    found: Values = np.maximum(np.asarray(sd, dtype=float) ** 2, 1e-12)
    return found
