"""The answers to the published study's questions, as a table.

Usage: python answers.py     (`make answers`)
"""

from stack import environment

with environment.importing_packages():
    import typer
    from rich.console import Console
    from rich.table import Table

    from stack import command_line, lifecycle, thrift_client
    from stack.settings import Settings

ANSWERS = """
select question, answer_messages, answer_attempts, unit
from questions.answers
order by position
"""


def main() -> None:
    """Print the answers of the last build."""
    with command_line.reporting():
        print_answers(lifecycle.as_running(command_line.settings()))


def print_answers(settings: Settings) -> None:
    """Query the answers through the Thrift Server, as an analyst would, and print them.

    Raises:
        StackError: there is no answer; says why.
    """
    table = Table("question", "counting messages", "counting attempts", "unit", title="Answers")
    for row in thrift_client.query(settings, ANSWERS):
        table.add_row(*row)
    Console(highlight=False, soft_wrap=True).print(table)


if __name__ == "__main__":
    typer.run(main)
