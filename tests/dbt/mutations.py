"""Plant defects in the models, one at a time, and see which tests catch them.

Usage: python -m tests.dbt.mutations [NAME ...]     after `make demo`; about ten minutes

Each defect is put into its file, the model's unit tests are run, and if none fails, it is built
with its data tests; then the file is put back. Nothing is published, for the tests fail. The
result is `mutations.md`; a test without services sees that it is the result of this list, and
that each defect can still be planted.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = Path(__file__).with_name("mutations.md")


@dataclass(frozen=True)
class Mutation:
    """A defect: in the model's file (or another), `before` becomes `after`."""

    name: str
    model: str
    before: str
    after: str
    file: str = ""

    @property
    def path(self) -> Path:
        """The file that it changes."""
        if self.file:
            return ROOT / self.file
        [path] = (ROOT / "models").rglob(f"{self.model}.sql")
        return path


MUTATIONS = (
    Mutation(
        "a field is no longer required",
        "base_assess__messages",
        "['started_at', 'keen_timestamp']",
        "['started_at']",
        "macros/staging/message_rules.sql",
    ),
    Mutation(
        "a name may be blank",
        "base_assess__messages",
        "name_conditions('message', is_blank)",
        "[('nothing', 'false')]",
    ),
    Mutation(
        "half of a surrogate pair is text",
        "base_assess__messages",
        "{{ has_invalid_escape('text') }} as",
        "false as",
    ),
    Mutation(
        "counts need not follow from results",
        "base_assess__messages",
        "contradicting_values('message')",
        "[('nothing', 'false')]",
    ),
    Mutation(
        "what follows a comma is not looked at",
        "base_assess__messages",
        "and try_variant_get(envelope, '$[2]', 'variant') is null",
        "",
    ),
    Mutation(
        "every value is a known string",
        "base_assess__messages",
        "{'string': 'STRING',",
        "{'string': '[A-Z]+',",
        "macros/staging/known_shape.sql",
    ),
    Mutation(
        "an object without keys has the known shape",
        "base_assess__messages",
        "OBJECT<(?!>)",
        "OBJECT<",
        "macros/staging/known_shape.sql",
    ),
    Mutation(
        "a moment may be as late as it likes",
        "base_assess__messages",
        "and unix_micros({{ timestamp }})",
        "or unix_micros({{ timestamp }})",
        "macros/staging/parse_timestamps.sql",
    ),
    Mutation("arrays are taken for objects", "base_assess__messages", "not is_object", "is_object"),
    Mutation(
        "a moment needs no zone",
        "base_assess__messages",
        "[0-5][0-9])$'",
        "[0-5][0-9])?$'",
        "macros/staging/parse_timestamps.sql",
    ),
    Mutation(
        "rejected records are staged", "stg_assess__messages", "    where reason is null\n", ""
    ),
    Mutation(
        "nothing is left out of the rejected",
        "stg_assess__rejected_messages",
        "is not null",
        "<=> reason",
    ),
    Mutation(
        "the last message is canonical",
        "int_attempts_deduplicated",
        "message_number = 1",
        "message_number = message_count",
    ),
    Mutation(
        "offsets decide before moments",
        "int_attempts_deduplicated",
        "order by message_at, topic_id",
        "order by topic_id",
    ),
    Mutation(
        "every attempt came once",
        "flat_attempts",
        "deduplicated.message_count,",
        "1L as message_count,",
    ),
    Mutation("positions count from 0", "flat_questions", "position + 1", "position"),
    Mutation(
        "a semi join is left out: all messages are flattened",
        "flat_questions",
        "    left semi join attempts using (message_id)\n",
        "",
    ),
    Mutation(
        "absent is neither correct nor incorrect",
        "flat_options",
        "coalesce(option.correct, false)",
        "option.correct",
    ),
    Mutation(
        "the longest duration is too long",
        "fct_attempts",
        "when seconds between 0 and",
        "when seconds > 0 and seconds <",
    ),
    Mutation(
        "every selected option is correct",
        "flat_questions",
        "option.checked and option.correct')",
        "option.checked')",
    ),
    Mutation(
        "what is not selected is a selection",
        "fct_option_selections",
        "is_checked\n    and",
        "true\n    and",
    ),
    Mutation(
        "rows for distinct exams",
        "dim_courses",
        "count(distinct base_exam_id)",
        "count(base_exam_id)",
    ),
    Mutation("the oldest name is the exam's", "dim_exams", "max_by(exam_name", "min_by(exam_name"),
    Mutation("Saturdays are workdays", "dim_dates", ">= 5", "> 5"),
    Mutation("ties are broken by chance", "course_popularity", "rank() over", "row_number() over"),
    Mutation(
        "attempts named by messages",
        "most_common_course",
        "courses.attempts = most.attempts",
        "courses.messages = most.messages",
    ),
    Mutation("test records have a score", "average_score", "    where score is not null\n", ""),
    Mutation("the pass mark itself fails", "below_pass_mark", "score < cast", "score <= cast"),
    Mutation("everybody is perfect", "perfect_scores", " filter (where is_all_correct)", ""),
    Mutation("nine ranks for ten", "least_common_courses", "<= 10", "< 10"),
    Mutation(
        "an inner join for a left one: hours without attempts are lost",
        "attempts_by_hour",
        "left join",
        "inner join",
    ),
    Mutation(
        "a wrong join key: questions of other exams are joined",
        "dim_questions",
        "left join options using (base_exam_id, question_id)",
        "left join options on questions.question_id = options.question_id",
    ),
    Mutation(
        "a join fans out: every earlier day is joined",
        "attempts_by_date",
        "dates.date_day = attempts.started_date",
        "dates.date_day >= attempts.started_date",
    ),
    Mutation(
        "bins are rounded", "score_distribution_by_course", "floor(score * 10)", "round(score * 10)"
    ),
    Mutation(
        "the pass mark itself fails in a course",
        "below_pass_mark_by_course",
        "score < cast",
        "score <= cast",
    ),
    Mutation(
        "a redelivered response counts once",
        "question_difficulty",
        "coalesce(redelivered.message_count, 1)",
        "1L",
    ),
    Mutation(
        "the interval is symmetric",
        "question_difficulty",
        "0.25D * 1.96D * 1.96D",
        "0D",
        "macros/marts/wilson_interval.sql",
    ),
    Mutation(
        "only selected options were shown",
        "option_selection_rates",
        "where not shown",
        "where shown.is_checked and not shown",
    ),
    Mutation(
        "raw scores that nobody has are lost",
        "raw_score_distribution",
        "left join",
        "inner join",
    ),
    Mutation(
        "once correct is always correct",
        "questions_always_correct",
        "correct_responses = responses",
        "correct_responses > 0",
    ),
    Mutation(
        "enough attempts are too few",
        "course_difficulty",
        "having count(*) >=",
        "having count(*) >",
    ),
    Mutation(
        "the median forgets the copies",
        "time_to_finish",
        "and message_count > 1",
        "and false",
        "macros/marts/time_to_finish.sql",
    ),
    Mutation(
        "a replay is the newest batch",
        "ingest_lag",
        "        decision is distinct from 'replay'\n        and topic",
        "        topic",
    ),
    Mutation(
        "every attempt is a duplicate", "duplicates", "message_count > 1", "message_count >= 1"
    ),
)


def caught(mutation: Mutation, folder: Path, *command: str) -> list[str]:
    """The tests that fail when the defect is there."""
    original = mutation.path.read_text()
    program = str(Path(sys.executable).with_name("dbt"))
    (folder / "run_results.json").unlink(missing_ok=True)
    try:
        mutation.path.write_text(original.replace(mutation.before, mutation.after))
        subprocess.run(
            [program, "--quiet", *command],
            cwd=ROOT,
            env={**os.environ, "DBT_TARGET_PATH": str(folder)},
            check=False,
            capture_output=True,
        )
    finally:
        mutation.path.write_text(original)
    results = json.loads((folder / "run_results.json").read_text())["results"]
    return sorted(
        # A unit test's id ends with its name, a data test's with a hash after it.
        result["unique_id"].split(".")[3 if result["unique_id"].startswith("unit") else 2]
        for result in results
        if result["status"] in ("fail", "error") and "test" in result["unique_id"].split(".")[0]
    )


def rows() -> dict[str, str]:
    """The document's rows so far, by the defect's name."""
    if not DOCUMENT.exists():
        return {}
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    return {line.split(" | ")[1]: line.split(" | ", 1)[1] for line in lines[1:]}


def main(names: list[str]) -> int:
    """Plant the defects of these names, or all, and write the document."""
    known = rows()
    folder = Path(tempfile.mkdtemp())
    for mutation in MUTATIONS:
        if names and mutation.name not in names:
            continue
        # The unit tests first: they need no build.
        tests = caught(mutation, folder, "test", "--select", f"{mutation.model},test_type:unit")
        tests = tests or caught(
            mutation, folder, "build", "--full-refresh", "--select", mutation.model
        )
        print(f"{mutation.name}: {', '.join(tests) or 'NOT CAUGHT'}", flush=True)
        path = mutation.path.relative_to(ROOT)
        known[mutation.name] = (
            f"{mutation.name} | `{path}` | "
            + (", ".join(f"`{test}`" for test in tests) or "**not caught**")
            + " |"
        )
        write(known)
    return int(any("**not caught**" in row for row in known.values()))


def write(known: dict[str, str]) -> None:
    """Write the document, in the order of the list."""
    found = [known[m.name] for m in MUTATIONS if m.name in known]
    DOCUMENT.write_text(
        "# Planted defects and the tests that catch them\n\n"
        "Written by `python -m tests.dbt.mutations`, which holds the defects; nobody edits it.\n"
        "A unit test stands in the YAML file beside its model, another test in `tests/dbt/`.\n\n"
        "| | defect | in | caught by |\n|---|---|---|---|\n"
        + "".join(f"| {number} | {row}\n" for number, row in enumerate(found, 1))
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
