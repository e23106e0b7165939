"""A study opened a second time aside: the same tables and clock, questions that do not wait for each other."""

import gc
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from tests.steps.linkage_world import Plan, open_study

MEANS = "SELECT wave, count(*) AS n, sum(ease / 3.0) AS spent FROM linked GROUP BY 1 ORDER BY 1"


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return open_study(tmp_path_factory.mktemp("aside"), Plan(kpis=("ease", "satisfaction")))


def test_questions_from_two_threads_are_answered_alike(opened):
    alone = opened.query(MEANS)
    aside = opened.aside()
    with ThreadPoolExecutor(1) as beside:
        asked = [beside.submit(aside.query, MEANS) for _ in range(5)]
        here = [opened.query(MEANS) for _ in range(5)]
    for found in (*here, *(f.result() for f in asked)):
        pd.testing.assert_frame_equal(found, alone, check_exact=True)


def test_the_clock_is_utc_aside_too(opened):
    assert opened.aside().query("SELECT current_setting('TimeZone') AS zone ORDER BY 1")["zone"].item() == "UTC"


def test_what_one_kept_the_other_has(opened):
    aside = opened.aside()
    aside.query_once(MEANS)
    assert MEANS in opened._kept


def test_tables_written_down_are_each_ones_own(opened):
    aside = opened.aside()
    aside.noted("three_rows", "SELECT * FROM range(3)")
    here = opened.noted("three_rows", "SELECT * FROM range(4)")
    assert len(here.collect()) == 4


def test_what_is_aside_outlives_the_study_it_was_opened_from(tmp_path):
    aside = open_study(tmp_path, Plan(kpis=("satisfaction",))).aside()
    gc.collect()
    assert len(aside.query("SELECT count(*) AS n FROM linked ORDER BY 1")) == 1
