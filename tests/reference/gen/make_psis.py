"""Pareto-smoothed importance weights by ArviZ, of normal and Student-t targets seen from normal guides of several widths.

Run: python make_psis.py [OUT_DIR]    Needs: pip install arviz scipy
"""
import json
import sys
from pathlib import Path

import arviz
import numpy as np
from scipy import stats

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
rng = np.random.default_rng(7)
rows = []
for width, target in [(1.5, stats.norm()), (0.7, stats.norm()), (0.4, stats.norm()), (1.0, stats.t(3)), (1.1, stats.norm(0.3))]:
    z = rng.normal(0, width, 300)
    ratios = np.round(target.logpdf(z) - stats.norm(0, width).logpdf(z), 9)
    weights, khat = arviz.psislw(ratios.copy())
    print(width, khat)
    rows.append(dict(log_ratios=ratios.tolist(), log_weights=np.asarray(weights).tolist(), khat=float(khat)))
(OUT / "psis.json").write_text(json.dumps(rows, separators=(",", ":")))
