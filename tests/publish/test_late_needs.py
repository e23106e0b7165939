"""A step that waits for what it needs where it loads it: both run side by side, and all ends as if one came first."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Barrier, Event

import pytest
import tiny
from tiny import contents, run, run_dir, sealed

from exlink.errors import StepError
from exlink.publish.artifacts import Artifacts, to_json, write_atomically
from exlink.publish.progress import Silent
from exlink.publish.rundir import LateNeeds
from exlink.publish.steps_table import STEPS, Step, longest_chain_first

SUITE = (Step("00_first", "First"), Step("09_last", "Last", ("00_first",), late=("00_first",), index=True))
BOTH = ("00_first", "09_last")
PATIENCE = 20  # seconds: who waits longer waits for ever


@pytest.fixture
def both(place, stand_in, monkeypatch):
    """Give a place where the second of two steps needs the first one late, and the stand-in for their kernels."""
    (place / "notebooks/01_other.ipynb").unlink()
    tiny.write_notebook(place / "notebooks", "09_last", parameters="size = 1")
    tiny.write_notebook(place / "notebooks", "00_first", parameters="factor = 2.0\nunused = 1")
    return place, stand_in


def run_both(place, **options):
    return run(place, **({"steps": SUITE} | options))


# --- which step starts when ----------------------------------------------------------------------------------


@pytest.mark.parametrize("force", [False, True])
def test_a_late_need_runs_beside_the_step_that_needs_it(both, force):
    place, stand_in = both
    if force:
        run_both(place)
    meeting = Barrier(2, timeout=PATIENCE)
    stand_in.before = dict.fromkeys(BOTH, meeting.wait)
    assert run_both(place, force=force).ran == BOTH  # one after the other, the barrier would break


def test_one_at_a_time_the_late_need_comes_first(both):
    place, stand_in = both
    assert run_both(place, jobs=1, steps=SUITE[::-1]).ran == BOTH[::-1]
    assert stand_in.order == list(BOTH)


def test_needs_that_are_not_late_are_waited_for_before_the_start(place, stand_in):
    suite = (*tiny.STEPS[:2], Step("09_last", "Last", ("00_first", "01_other"), late=("01_other",)))
    begun, early = Event(), []

    def first():
        early.append(begun.wait(0.5))

    stand_in.before = {"00_first": first, "01_other": lambda: begun.wait(PATIENCE), "09_last": begun.set}
    assert run(place, steps=suite, jobs=3).ran == ("00_first", "01_other", "09_last")
    assert early == [False] and begun.is_set()


def test_of_equal_chains_those_without_late_needs_start_first():
    last = Step("09_last", "Last", ("01_late", "02_other"))
    steps = (Step("00_first", "First"), Step("01_late", "Late", ("00_first",), late=("00_first",)),
             Step("02_other", "Other"), last)  # fmt: skip
    assert [step.stem for step in longest_chain_first(steps)] == ["00_first", "02_other", "01_late", "09_last"]


def test_late_needs_are_needs():
    assert all(set(step.late) <= set(step.needs) for step in STEPS)
    assert [step.stem for step in STEPS if step.late] == ["05_business_rollup"]


# --- what is run again, and what is not ----------------------------------------------------------------------


def test_a_result_that_rests_on_what_came_later_is_found_to_hold(both):
    place, stand_in = both
    ended = Event()
    stand_in.before = {"00_first": lambda: ended.wait(0.5)}  # the other one ends long before
    run_both(place)
    before = contents(run_dir(place))
    assert run_both(place).unchanged == BOTH
    assert run_both(place, jobs=1, force=True).ran == BOTH
    assert contents(run_dir(place)) == before


def test_a_result_that_may_hold_waits_for_the_late_need_to_be_judged(both):
    place, stand_in = both
    run_both(place)
    stand_in.order.clear()
    result = run_both(place, overrides={"steps.00_first.unused": 2})  # changes no artefact
    assert result.ran == ("00_first",) and result.unchanged == ("09_last",)
    result = run_both(place, overrides={"steps.00_first.factor": 3})
    assert result.ran == BOTH
    assert stand_in.order == ["00_first", "00_first", "09_last"]


def test_a_result_that_may_hold_is_not_judged_while_its_late_need_is_half_made(place, stand_in):
    suite = (*tiny.STEPS[:2], Step("09_last", "Last", ("00_first",), late=("00_first",)))
    run(place, steps=suite)
    begun, early = Event(), []
    stand_in.before = {"00_first": lambda: early.append(begun.wait(0.5)), "09_last": begun.set}
    changed = {"steps.01_other.label": "mail"}  # when it has ended, the others are looked at again
    Artifacts(run_dir(place)).clear("00_first")
    result = run(place, steps=suite, overrides=changed)
    assert result.unchanged == ("09_last",) and early == [False]


def test_a_result_that_holds_no_longer_does_not_wait(both):
    place, stand_in = both
    run_both(place)
    meeting = Barrier(2, timeout=PATIENCE)
    stand_in.before = dict.fromkeys(BOTH, meeting.wait)
    assert run_both(place, overrides={"steps.00_first.factor": 3, "steps.09_last.size": 2}).ran == BOTH
    assert run_both(place, overrides={"steps.00_first.factor": 3, "steps.09_last.size": 2}).unchanged == BOTH


def test_what_changes_under_a_step_after_its_start_is_not_taken_for_what_it_read(both):
    place, stand_in = both
    run_both(place)

    def by_hand():
        artifacts = Artifacts(run_dir(place))
        sha = write_atomically(artifacts.folder("00_first") / "headline.json", to_json({"factor": 9}))
        artifacts.write_manifest("00_first", {"outputs": {"headline.json": {"sha256": sha}}})

    stand_in.before = {"09_last": by_hand}
    assert run_both(place, only=["09"], force=True).ran == ("09_last",)
    stand_in.before = {}
    assert run_both(place, only=["09"]).ran == ("09_last",)
    assert run_both(place, only=["09"]).unchanged == ("09_last",)


def test_what_is_older_is_told_of_late_needs_as_well(both):
    place, _ = both
    run_both(place)
    heard = []

    class Ear(Silent):
        def note(self, text):
            heard.append(text)

    run_both(place, only=["09"], overrides={"steps.00_first.factor": 5}, progress=Ear())
    assert "00_first is not up to date: its earlier result is used. Add --only 00_first." in heard
    run_both(place, only=["00"], overrides={"steps.00_first.factor": 5}, progress=Ear())
    assert "index.html still shows earlier results. Add --only 09_last, or run all." in heard


# --- failures and interrupts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [False, True], ids=["runs to its end", "fails by itself"])
def test_a_step_whose_late_need_fails_is_left_out_however_it_ended(both, own):
    place, stand_in = both
    run_both(place)
    meeting = Barrier(2, timeout=PATIENCE)
    stand_in.before = dict.fromkeys(BOTH, meeting.wait)
    stand_in.breaks = {"00_first": "no convergence"} | ({"09_last": "nothing to load"} if own else {})
    stand_in.users = {"09_last"}
    heard = []

    class Ear(Silent):
        def step(self, stem, state, detail=""):
            heard.append((stem, state, detail))

    with pytest.raises(StepError) as caught:
        run_both(place, force=True, progress=Ear())
    result = caught.value.result
    assert set(result.failed) == {"00_first"} and result.skipped == {"09_last": "00_first"} and result.users == set()
    assert heard[-2:] == [("00_first", "failed", ""), ("09_last", "skipped", "it needs 00_first")]
    assert {name for name in contents(run_dir(place)) if not name.startswith("failed/00_first")} == set()


def test_a_step_that_fails_beside_its_late_need_fails(both):
    place, stand_in = both
    stand_in.breaks = {"09_last": "no convergence"}
    with pytest.raises(StepError, match=r"Step 09_last failed in cell `x` .*no convergence") as caught:
        run_both(place)
    assert caught.value.result.ran == ("00_first",)


def test_an_interrupt_ends_the_waiting_and_seals_nothing(both):
    place, stand_in = both
    ended = Event()

    def interrupt():
        ended.wait(PATIENCE)
        raise KeyboardInterrupt

    stand_in.before = {"00_first": interrupt, "09_last": ended.set}
    with pytest.raises(KeyboardInterrupt):
        run_both(place)
    assert not sealed(place, "09_last") and not (run_dir(place) / "09_last.html").exists()
    stand_in.before = {}
    assert run_both(place).ran == BOTH


# --- with real kernels ---------------------------------------------------------------------------------------


def suite_that_meets(place, then="1 + 1"):
    """Write two notebooks: the first goes on, with ``then``, once the second is about to load from it."""
    begun = place / "begun"
    until = f"""import time
from pathlib import Path
last = time.monotonic() + {PATIENCE}
while not Path({str(begun)!r}).exists():
    assert time.monotonic() < last
    time.sleep(0.05)"""
    tiny.write_notebook(place / "notebooks", "00_first", ("until", until), ("then", then), tiny.TEAMS,
                        parameters="factor = 2.0")  # fmt: skip
    told = f"import os\nfrom pathlib import Path\nPath({str(begun)!r}).write_text(str(os.getpid()))"
    load = "teams = s.load('00_first', 'teams') if s.available('00_first') else None"
    say = "s.say_at('sum', f'**{teams.double.sum():.1f}** doubled.')"
    tiny.write_notebook(place / "notebooks", "09_last", ("sum", "s.say('To come.', place='sum')"),
                        ("after", "s.say('In between.')"), ("begun", told), ("load", load), ("say", say))  # fmt: skip
    return begun


def test_kernels_wait_where_they_load_and_say_it_where_it_belongs(place):
    suite_that_meets(place, then="time.sleep(0.5)")
    assert run_both(place).ran == BOTH
    page = (run_dir(place) / "index.html").read_text()
    assert page.index("<strong>24.0</strong> doubled.") < page.index("In between.") and "To come." not in page
    assert run_both(place).unchanged == BOTH


def test_a_kernel_stops_waiting_when_its_late_need_fails(place):
    suite_that_meets(place, then="1 / 0")
    with pytest.raises(StepError, match="ZeroDivisionError") as caught:
        run_both(place)
    assert set(caught.value.result.failed) == {"00_first"} and caught.value.result.skipped == {"09_last": "00_first"}
    assert set(contents(run_dir(place))) == {"failed/00_first.ipynb"}


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_a_kernel_that_waits_ends_with_the_run(place, number):
    begun = suite_that_meets(place, then=f"time.sleep({3 * PATIENCE})")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import tiny, test_late_needs; from pathlib import Path; "
        "test_late_needs.run_both(Path(sys.argv[2]))"
    )
    arguments = [sys.executable, "-c", code, str(Path(__file__).parent), str(place)]
    process = subprocess.Popen(arguments, env=os.environ | {"TMPDIR": tempfile.gettempdir()}, stderr=subprocess.DEVNULL)
    assert within(PATIENCE, lambda: begun.exists() and begun.read_text())
    waiting = int(begun.read_text())
    time.sleep(0.3)
    assert running(waiting)
    process.send_signal(number)
    assert process.wait(PATIENCE) != 0
    assert within(PATIENCE, lambda: not running(waiting))
    assert not sealed(place, "09_last")


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not (status.exists() and "State:\tZ" in status.read_text())


def within(seconds, true):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def test_nothing_is_waited_for_but_what_a_run_named(tmp_path):
    late = LateNeeds(tmp_path / "late")
    late.wait("09_last")  # there is no such folder: nobody runs
    late.open("09_last", "00_first")
    late.open("08_more", "00_first")
    late.wait("00_first")
    late.wait("09_last", "01_other")
    late.settle("01_other")
    assert len(list(tmp_path.glob("late/*/*"))) == 2
    late.settle("00_first")
    late.wait("09_last")
    assert list(tmp_path.glob("late/*/*")) == []
