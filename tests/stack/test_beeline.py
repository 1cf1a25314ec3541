"""Errors of Beeline are shown without stack traces and plans, and nothing else is left out."""

from stack.beeline import without_traces

BEFORE = "Connected to: Spark SQL (version 4.1.1)\n"
SERVER = "Error: org.apache.hive.service.cli.HiveSQLException: Error running query: "


def test_the_message_stays_with_its_statement() -> None:
    lines = [
        BEFORE,
        f"{SERVER}[DIVIDE_BY_ZERO] org.apache.spark.SparkArithmeticException: Division by zero.\n",
        "== SQL (line 1, position 8) ==\n",
        "select 1/0\n",
        "       ^^^\n",
        "\tat org.apache.spark.Some.frame(Some.scala:1)\n",
        "Caused by: org.apache.spark.SparkArithmeticException: Division by zero.\n",
        "\t... 34 more (state=22012,code=0)\n",
        "Closing: 0\n",
    ]
    assert list(without_traces(lines)) == [
        BEFORE,
        "Error: Division by zero.\n",
        *lines[2:5],
        "Closing: 0\n",
    ]


def test_the_plan_is_left_out() -> None:
    lines = [
        f"{SERVER}[NO_COLUMN] org.apache.spark.AnalysisException: [NO_COLUMN] No `x`.\n",
        "'Project ['x]\n",
        "+- OneRowRelation\n",
        "\n",
        "\tat org.apache.spark.Some.frame(Some.scala:1) (state=42703,code=0)\n",
    ]
    assert list(without_traces(lines)) == ["Error: [NO_COLUMN] No `x`.\n"]


def test_two_errors_and_what_is_between_them() -> None:
    short = "Error: Could not open connection (state=08S01,code=0)\n"
    between = "  at first sight, this is no stack frame\n"
    assert list(without_traces([short, between, short])) == [short, between, short]
