"""The colours of charts."""

from __future__ import annotations

from typing import Final

# Told apart by people with any common colour blindness: tests/unit/superset_assets/test_palettes.py simulates it.
# Okabe and Ito's, without the yellow, too pale on white for a line, and with a grey as dark as green is not.
CATEGORICAL: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#595959", "#004D78")
