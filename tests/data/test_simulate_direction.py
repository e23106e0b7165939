"""What acts on what is what the direction says: the effect is found one way, the other way nothing is."""

import json

import numpy as np
import pytest

from exlink.cli import main
from exlink.data.simulate import simulate_study, study
from exlink.data.simulate.design import DIRECTIONS, Contact
from exlink.data.simulate.states import settle_wave
from exlink.data.simulate.within import two_way
from tests.data.test_simulate import table_of

SMALL = {"employees": 48, "interactions": 3_000, "waves": 4}
SIZE = {"employees": 160, "interactions": 40_000}
SEEDS = {"ex-to-cx": (31,), "cx-to-ex": (31, 32, 33), "both": (31,), "none": (31,)}


class Told:
    """A study, and the scene and the echo that its truth is written from."""

    def __init__(self, folder, monkeypatch, **options):
        kept = []
        write = study.write_truth
        with monkeypatch.context() as patch:
            patch.setattr(study, "write_truth", lambda *given: (kept.extend(given), write(*given)))
            simulate_study(folder, **options)
        self.scene, self.echo = kept[1], kept[3]
        self.truth = json.loads((folder / "truth.json").read_text())


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return {d: [Told(tmp_path_factory.mktemp(d), patch, **SIZE, seed=s, direction=d) for s in SEEDS[d]]
                for d in DIRECTIONS}  # fmt: skip


def slope(y, x, weight):
    """Slope of y on x within persons and waves, and its standard error clustered by person; all (i, w)."""
    both = two_way(np.stack([y, x], axis=-1), weight)
    bread = (both[..., 1] ** 2 * weight).sum()
    b = (both[..., 0] * both[..., 1] * weight).sum() / bread
    score = (both[..., 1] * (both[..., 0] - b * both[..., 1]) * weight).sum(1)
    return b, np.sqrt((score**2).sum()) / bread


def next_report_on_last_quarter(one):
    """The mean of all aspects of a wave on the mean of the quarter before it, as its customers answered."""
    seen = one.echo.n_told[:, :-1] * one.scene.states.answered[:, 2:]
    mean = one.echo.total_told[:, :-1] / np.maximum(one.echo.n_told[:, :-1], 1)
    return slope(one.scene.states.reported[:, 2:].mean(-1), mean, seen)


@pytest.mark.parametrize(("direction", "acts"), [("ex-to-cx", 0), ("cx-to-ex", 1), ("both", 1), ("none", 0)])
def test_what_customers_felt_moves_the_next_reports_where_it_is_planted(told, direction, acts):
    for one in told[direction]:
        b, se = next_report_on_last_quarter(one)
        assert (b > 4 * se) == bool(acts)
        assert (one.truth["timing"]["cx_on_ex"], one.truth["timing"]["direction"]) == (Contact().echo * acts, direction)


def test_the_slope_in_the_truth_is_the_slope_found(told):
    """Where CX alone acts, a person's quarters are alike but for chance, and demeaning does no harm."""
    z = []
    for one in told["cx-to-ex"]:
        b, se = next_report_on_last_quarter(one)
        z.append((b - one.truth["timing"]["cx_on_ex_reported"]["of_answered_contacts"]) / se)
    assert np.abs(z).max() < 3
    assert abs(np.mean(z)) < 2


@pytest.mark.parametrize(("direction", "acts"), [("cx-to-ex", False), ("none", False), ("both", True)])
def test_the_truth_says_where_reports_act(told, direction, acts):
    for one in told[direction]:
        effects = one.truth["effects"]
        assert any(e["acts"] for e in effects) == acts
        assert any(e["joint"] or e["latent"] for e in effects) == acts
        assert any(e["kind"] == "within" for e in effects) == acts
        assert any(o["coefficient"] for o in one.truth["operations"]) == acts


def test_no_answer_is_moved_by_a_contact_after_it(told):
    """A wave's sway is known when the wave opens: waves of the quarters up to q-1 are enough to work it out."""
    for one in told["both"]:
        echo, opened = one.echo, one.scene.states.opened
        assert not echo.sway[:, :2].any()
        assert (opened[1:] >= one.scene.world.starts[:-1]).all()
        for q in range(1, one.scene.world.waves):
            mean = echo.total[:, q - 1] / np.maximum(echo.n[:, q - 1], 1)
            fresh = np.where(echo.n[:, q - 1] > 0, mean - echo.usual, 0) * Contact().echo
            assert np.allclose(echo.sway[:, q + 1], 0.2 * echo.sway[:, q] + fresh)
        assert (one.scene.states.day[:, 1:] >= opened[1:]).all()


def test_what_is_usual_is_usual(told):
    """Deviations from the usual mean centre on nothing, for everybody: the sway moves waves, not persons."""
    for direction in ("cx-to-ex", "both"):
        for one in told[direction]:
            n = one.echo.n
            mean = (one.echo.total - one.echo.usual[:, None] * n).sum(1) / np.maximum(n.sum(1), 1)
            assert abs(np.average(mean, weights=n.sum(1))) < 0.08
            assert abs(np.polyfit(one.scene.effects.employee[:, 2], mean, 1, w=np.sqrt(n.sum(1)))[0]) < 0.3  # 0.9 raw


@pytest.mark.parametrize(("direction", "acts"), [("none", False), ("cx-to-ex", False), ("ex-to-cx", True)])
def test_contacts_depend_on_reports_only_where_they_act(tmp_path, monkeypatch, direction, acts):
    """The first quarter once more, everybody's first wave a point lower: the same contacts, or others."""
    first = SMALL["interactions"] // SMALL["waves"]
    seen = []
    for lower in (0.0, -1.0):
        monkeypatch.setattr(study, "settle_wave", lambda world, states, w, sway, by=lower: settle_wave(
            world, states, w, sway + by * (w == 1)))  # fmt: skip
        folder = tmp_path / f"{lower}"
        simulate_study(folder, **SMALL, seed=5, direction=direction)
        contacts = table_of(folder, "interactions").slice(0, first)
        scores = table_of(folder, "cx_responses").slice(0, 150)
        assert scores["interaction_id"][-1].as_py() <= contacts["interaction_id"][-1].as_py()
        seen.append((contacts, scores))
    same = [before.equals(after) for before, after in zip(*seen, strict=True)]
    assert same == [not acts, not acts]


def test_the_command_takes_the_direction(tmp_path, capsys):
    words = ["simulate", str(tmp_path / "s"), "--employees", "40", "--interactions", "1000", "--waves", "3"]
    assert main([*words, "--direction", "none"]) == 0
    assert json.loads((tmp_path / "s" / "truth.json").read_text())["timing"]["direction"] == "none"
    assert main([*words, "--direction", "sideways"]) == 2
    assert "Choose one of ex-to-cx, cx-to-ex, both, none." in capsys.readouterr().err
