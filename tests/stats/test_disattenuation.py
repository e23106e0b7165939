"""Corrected correlations find the correlation that was planted under the noise, and say when they cannot."""

import numpy as np
import pandas as pd
import pytest

from exlink.stats.correlation import correlation_matrix
from exlink.stats.disattenuation import disattenuated
from exlink.stats.reliability import cronbach_alpha, icc2


def world(units=150, waves=6, rows=6, *, within=0.6, between=0.3, item=0.8, noise=1.5, items=2, seed=0):
    """Unit level and wave deviation of x and y (unit variances) correlate ``between`` and ``within``.

    Items of x add noise of SD ``item`` each, rows of y noise of SD ``noise``.
    """
    rng = np.random.default_rng(seed)

    def pair(r, n):
        u, e = rng.standard_normal((2, n))
        return u, r * u + np.sqrt(1 - r**2) * e

    (xu, yu), (xw, yw) = pair(between, units), pair(within, units * waves)
    unit, wave = np.repeat(np.arange(units), waves), np.tile(np.arange(waves), units)
    x, y = xu[unit] + xw, yu[unit] + yw
    asked = x[:, None] + item * rng.standard_normal((len(x), items))
    answers = y[:, None] + noise * rng.standard_normal((len(y), rows))
    frame = pd.DataFrame({"unit": [f"U{u:03d}" for u in unit], "wave": wave})
    cells = frame.assign(x=asked.mean(axis=1), n_y=rows, sum_y=answers.sum(axis=1), sumsq_y=(answers**2).sum(axis=1))
    return cells, frame.assign(**{f"item {k}": asked[:, k] for k in range(items)})


def found(cells, items=None, **options):
    given = {"x": items} if items is not None else None
    options = {"reps": 200, "seed": 1} | options
    return disattenuated(cells, ["y"], ["x"], "unit", "wave", items=given, **options).set_index("kind")


def test_the_planted_correlation_is_found_under_the_noise():
    """Within, 60 studies: raw 0.6 · sqrt(1/1.32 · 1/1.375) = 0.45; corrected 0.6; intervals hold it 95 of 100 times."""
    tables = [found(*world(seed=s)).loc["within"] for s in range(60)]
    table = pd.DataFrame(tables)
    assert table["estimate"].mean() == pytest.approx(0.6 / np.sqrt(1.32 * 1.375), abs=0.01)
    assert table["corrected"].mean() == pytest.approx(0.6, abs=0.015)
    assert table["reliability_x"].mean() == pytest.approx(1 / 1.32, abs=0.01)
    assert table["reliability_y"].mean() == pytest.approx(1 / 1.375, abs=0.01)
    # 60 studies: two standard errors of 95 % are 5.6 points
    assert ((table["corrected_low"] < 0.6) & (table["corrected_high"] > 0.6)).mean() > 0.89


def test_between_units_the_means_of_waves_are_corrected():
    """Unit means over six waves: wave deviations are noise to them, and correlate themselves.

    The correlation of means mixes both: (0.3 + 0.6/6) over the means' variances. Correcting the variances alone gives
    0.3 + 0.1 = 0.4; the correlation of what is stable needs the deviations to be unrelated.
    """
    plain = pd.DataFrame([found(*world(seed=s, within=0.0)).loc["between"] for s in range(60)])
    assert plain["corrected"].mean() == pytest.approx(0.3, abs=0.03)
    assert plain["estimate"].mean() < plain["corrected"].mean()
    assert ((plain["corrected_low"] < 0.3) & (plain["corrected_high"] > 0.3)).mean() > 0.88
    mixed = pd.DataFrame([found(*world(seed=s)).loc["between"] for s in range(20)])
    assert mixed["corrected"].mean() == pytest.approx(0.4, abs=0.05)


def test_raw_values_are_those_of_the_correlation_matrix():
    cells, items = world()
    raw = correlation_matrix(cells, ["y"], ["x"], "unit", "wave", reps=200, seed=1).set_index("kind")
    here = found(cells, items)
    for column in ("estimate", "conf_low", "conf_high"):
        assert here[column].to_numpy() == pytest.approx(raw.loc[here.index, column].to_numpy(), abs=1e-12)


def test_reliabilities_are_the_textbook_ones():
    cells, items = world(waves=4)
    table = found(cells, items)
    names = ["item 0", "item 1"]
    centred = items[names] - items.groupby("unit")[names].transform("mean")
    centred = centred - items.assign(**centred).groupby("wave")[names].transform("mean")
    assert table.loc["within", "reliability_x"] == pytest.approx(cronbach_alpha(centred)["estimate"].iloc[0])
    means = cells.assign(m=cells["sum_y"] / cells["n_y"])
    for side, column in (("reliability_x", "x"), ("reliability_y", "m")):
        net = means[column] - means.groupby("wave")[column].transform("mean")
        assert table.loc["between", side] == pytest.approx(icc2(net, means["unit"])["estimate"].iloc[0])


def test_without_noise_nothing_is_corrected_away():
    cells, items = world(item=1e-6, noise=1e-6, waves=40, units=60)
    table = found(cells, items)
    assert table.loc["within", "corrected"] == pytest.approx(table.loc["within", "estimate"], rel=1e-6)


def test_no_association_stays_none_and_its_interval_gets_wider():
    tables = pd.DataFrame([found(*world(seed=s, within=0.0, between=0.0)).loc["within"] for s in range(40)])
    assert tables["corrected"].mean() == pytest.approx(0, abs=0.03)
    assert ((tables["corrected_low"] < 0) & (tables["corrected_high"] > 0)).mean() > 0.85
    wider = tables["corrected_high"] - tables["corrected_low"] > tables["conf_high"] - tables["conf_low"]
    assert wider.all()


def test_what_is_beyond_one_is_cut_and_said():
    """Rows of one cell share an error that is no noise to them: y looks unreliable, x and y move as one."""
    cells, items = world(within=1.0, item=0.01, noise=0.01)
    loose = cells.assign(sumsq_y=cells["sumsq_y"] + 3 * cells["n_y"])  # noise that is claimed and not there
    table = found(loose, items)
    assert table.loc["within", "corrected"] == 1.0
    assert table.loc["within", "note"].startswith("beyond ±1 before it was cut")


def test_what_cannot_be_judged_is_said():
    cells, items = world()
    alone = found(cells).loc["within"]
    assert np.isnan(alone["reliability_x"])
    assert alone["note"] == "x has one item: only the outcome's side is corrected"
    assert alone["estimate"] < alone["corrected"] < found(cells, items).loc["within", "corrected"]
    single = found(*world(rows=1)).loc["within"]
    assert single["note"] == "one row per cell: the outcome's side is not corrected"
    hopeless = found(*world(noise=20)).loc["within"]
    assert np.isnan(hopeless["corrected"])
    assert hopeless["note"].startswith("not corrected: a reliability of 0.")
    once = found(*world(waves=1))
    assert "seen more than once" in once.loc["within", "note"]
    assert once.loc["between", "note"].endswith("one period per unit: how far its mean would come back is unknown")
    assert np.isnan(once.loc["between", "corrected"])


def test_order_labels_and_scales_do_not_matter():
    cells, items = world(units=40)
    turned = cells.sample(frac=1, random_state=1).assign(
        x=lambda f: 5 - 2 * f["x"], unit=lambda f: f["unit"].str.replace("U", "Z")
    )
    asked = items.assign(
        unit=items["unit"].str.replace("U", "Z"), **{c: 5 - 2 * items[c] for c in ("item 0", "item 1")}
    )
    first, again = found(cells, items), found(turned, asked)
    for column in ("estimate", "corrected"):
        assert again[column].to_numpy() == pytest.approx(-first[column].to_numpy())
    assert again["reliability_x"].to_numpy() == pytest.approx(first["reliability_x"].to_numpy())
    assert again["corrected_low"].to_numpy() == pytest.approx(-first["corrected_high"].to_numpy())


def test_the_noise_of_cell_means_is_counted_by_the_degrees_of_freedom_of_dummies():
    """Few units and many periods, where the periods' effects take a quarter of what is left; unequal cells."""
    cells, _ = world(units=5, waves=20)
    rng = np.random.default_rng(4)
    n = rng.integers(2, 9, len(cells))
    cells = cells.assign(n_y=n, sum_y=cells["sum_y"] / 6 * n, sumsq_y=cells["sumsq_y"] / 6 * n)
    dummies = np.column_stack([pd.get_dummies(cells[c]).to_numpy(float) for c in ("unit", "wave")])
    root = np.sqrt(n)[:, None]
    mean = (cells["sum_y"] / n).to_numpy()
    left = root[:, 0] * (mean - dummies @ np.linalg.lstsq(root * dummies, root[:, 0] * mean, rcond=None)[0])
    free = len(cells) - np.linalg.matrix_rank(dummies)
    sigma2 = (cells["sumsq_y"] - cells["sum_y"] ** 2 / n).sum() / (n - 1).sum()
    expected = 1 - sigma2 * free / (left @ left)
    assert found(cells).loc["within", "reliability_y"] == pytest.approx(expected)
