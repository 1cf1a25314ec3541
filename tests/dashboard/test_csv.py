"""The courses as CSV, without a browser."""

import csv

import pytest

from dashboard.courses_csv import as_csv


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_no_name_is_a_formula_of_a_spreadsheet(name: str) -> None:
    row = {"exam_name": name, "attempts": 2, "messages": 3}
    _, first = csv.reader(as_csv([row], {}, {}).splitlines())
    assert first[:3] == [f"'{name}", "2", "3"]


def test_other_names_are_unchanged() -> None:
    row = {"exam_name": 'C, "C++" and C#', "attempts": 2, "messages": 3}
    _, first = csv.reader(as_csv([row], {}, {}).splitlines())
    assert first[0] == 'C, "C++" and C#'
