"""The commands of `python -m stack`."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from stack import beeline, jars, java, lifecycle, schedule, services
from stack.command_line import Commands, console, settings, working
from stack.errors import NotRunning, ServiceFailed, StackError
from stack.lifecycle import Health
from stack.services.service import is_listening
from stack.settings import CONFIG, Settings

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Kafka, HDFS, Spark with the Hive metastore, and the dashboard on this machine, without "
    "containers.\n\n"
    "Ports and folders are set by `ASSAY_PORT_OFFSET`, `ASSAY_STATE` and the rest of "
    "`stack/settings.py`, in the environment or in the file `.env`.",
)
ServiceName = Annotated[str, typer.Argument(help="a service that `status` shows")]

PASS_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command()
def up(
    dashboard: Annotated[bool, typer.Option("--dashboard", help="start the dashboard too")] = False,
    cluster: Annotated[
        bool,
        typer.Option("--cluster", help="start Spark's standalone cluster and two DataNodes"),
    ] = False,
) -> None:
    """Start the services that do not run, and wait until all answer.

    Example: `ASSAY_PORT_OFFSET=100 python -m stack up`
    """
    configured = settings()
    if cluster:
        configured = configured.model_copy(update={"cluster": True})
    begun = time.monotonic()
    with working("starting the services") as progress:
        lifecycle.up(configured, progress, with_dashboard=dashboard)
    console.print(f"all services are ready ({time.monotonic() - begun:.1f} s)")
    if dashboard:
        console.print(f"the dashboard: {services.Dashboard(configured).url}")


@app.command()
def down() -> None:
    """Stop the services. Their data is kept."""
    first = (
        "" if java.has_class_archive() else "; this time Java archives classes for faster starts"
    )
    with working(f"stopping the services{first}"):
        count = lifecycle.down(settings())
    console.print(f"stopped {count} services" if count else "nothing was running")


@app.command()
def status() -> None:
    """Show every service. Exit code 0 if all are ready, 5 if none runs, else 4.

    A service that died is shown with the end of its log.
    """
    configured = settings()
    found = lifecycle.status(configured)
    table = Table("service", "state", "pid", "memory", "up since", "ports", box=None)
    for one in found:
        running = one.pid is not None
        table.add_row(
            one.service.name,
            one.health,
            str(one.pid) if running else "",
            f"{one.memory_bytes / 1e6:,.0f} MB" if running else "",
            f"{one.uptime_seconds:,.0f} s" if running else "",
            ", ".join(f"{purpose} {port}" for purpose, port in one.service.ports.items()),
        )
    console.print(table)
    for one in found:
        if one.health is Health.READY and (details := one.service.details()):
            console.print(f"{one.service.name}: {details}")
    for one in found:
        if one.health is Health.DIED:
            console.print(f"\nthe end of the log of {one.service.name}:")
            console.print(lifecycle.log_excerpt(configured, one.service.name, 12), markup=False)
    states = {one.health for one in found}
    if states == {Health.STOPPED}:
        raise NotRunning("no service is running", "`python -m stack up` starts them")
    if states != {Health.READY}:
        option = " --dashboard" if any(s.service.name == "dashboard" for s in found) else ""
        raise ServiceFailed(
            "not all services are ready", f"`python -m stack up{option}` starts them"
        )


@app.command()
def logs(
    name: ServiceName,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, help="number of lines from the end")
    ] = 100,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="continue as the log grows")
    ] = False,
) -> None:
    """Print a service's log.

    Example: `python -m stack logs spark -f`
    """
    configured = settings()
    _service(configured, name)
    console.print(lifecycle.log_tail(configured, name, lines), markup=False)
    log = configured.log(name)
    if follow and log.exists():
        with log.open(errors="replace") as file:
            file.seek(0, os.SEEK_END)
            while True:
                text = file.read()
                if text:
                    sys.stdout.write(text)
                    sys.stdout.flush()
                else:
                    time.sleep(0.3)


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Stop the services and delete all their data: topics, tables and logs."""
    configured = settings()
    if configured.state.exists() and not yes:
        typer.confirm(f"Delete everything in {configured.state}?", abort=True)
    lifecycle.reset(configured)
    console.print(f"{configured.state} is empty")


@app.command(name="jars")
def fetch_jars() -> None:
    """Fetch the jars that are missing or damaged, without starting anything.

    Example: `ASSAY_CACHE=/opt/assay-cache python -m stack jars`
    """
    configured = settings()
    with working("fetching the jars") as progress:
        jars.ensure(configured.cache, jars.locked(), progress)
    console.print(f"{len(jars.locked())} jars are in {configured.cache / 'jars'}")


@app.command()
def serve(name: ServiceName) -> None:
    """Run one service in the foreground, as a container does.

    Example: `python -m stack serve kafka`
    """
    configured = settings()
    lifecycle.serve(configured, _service(configured, name))


@app.command()
def ready(name: ServiceName) -> None:
    """Check whether one service answers. Exit code 0 if it does, else 4.

    Example: `python -m stack ready spark`
    """
    if not _service(settings(), name).is_ready():
        raise ServiceFailed(f"{name} does not answer", f"see `python -m stack logs {name}`")


@app.command()
def env() -> None:
    """Print the variables that clients need, for `eval "$(python -m stack env)"`."""
    configured = lifecycle.as_running(settings())
    if unset := configured.unset_variables():
        console.print(f"unset {' '.join(unset)}", soft_wrap=True)
    for name, value in configured.client_environment().items():
        console.print(f"export {name}={value}", markup=False)


@app.command(name="exec", context_settings=PASS_THROUGH)
def execute(context: typer.Context) -> None:
    """Run a command with the variables that clients need.

    Example: `python -m stack exec dbt test`
    """
    program, environment = _client(settings(), "exec", context.args)
    os.execve(program, context.args, environment)


@app.command(context_settings=PASS_THROUGH)
def every(
    context: typer.Context,
    seconds: Annotated[float, typer.Argument(min=1, help="from one start to the next")],
) -> None:
    """Run a command again and again with the variables that clients need, until SIGTERM or Ctrl-C.

    While the last run has succeeded, the file `every-succeeded` is in the state folder.

    Example: `python -m stack every 3600 dbt build`
    """
    configured = settings()
    program, environment = _client(configured, "every 3600", context.args)
    schedule.repeat(
        [program, *context.args[1:]],
        seconds,
        environment=environment,
        success=configured.state / "every-succeeded",
        report=lambda message: print(message, flush=True),
    )


def _client(configured: Settings, command: str, arguments: list[str]) -> tuple[str, dict[str, str]]:
    """Return the path of a client's program, and its environment."""
    if not arguments:
        raise StackError(
            f"{command.split()[0]} needs a command",
            f"for example `python -m stack {command} dbt test`",
        )
    configured = lifecycle.as_running(configured)
    kept = {n: v for n, v in os.environ.items() if n not in configured.unset_variables()}
    environment = {**kept, **configured.client_environment()}
    # Programs of this virtual environment first, whether or not it is activated.
    environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + environment["PATH"]
    program = shutil.which(arguments[0], path=environment["PATH"])
    if program is None:
        raise StackError(f"there is no program {arguments[0]!r}", "check the spelling")
    return program, environment


@app.command(context_settings=PASS_THROUGH)
def hdfs(context: typer.Context) -> None:
    """`hadoop fs` on the stack's HDFS.

    Example: `python -m stack hdfs -ls /warehouse`
    """
    configured = lifecycle.as_running(settings())
    _run_java(
        "org.apache.hadoop.fs.FsShell",
        context.args or ["-help"],
        classpath=[*java.hadoop_classpath(), CONFIG / "hadoop"],
        configured=configured,
        server=("namenode", configured.namenode_host, configured.namenode_port),
    )


@app.command(context_settings=PASS_THROUGH)
def sql(context: typer.Context) -> None:
    """A SQL prompt through the Thrift Server (Beeline). Arguments are Beeline's.

    Example: `python -m stack sql -e "select * from questions.answers"`
    """
    configured = lifecycle.as_running(settings())
    host, port = configured.builder_host, configured.thrift_port
    _run_java(
        "org.apache.hive.beeline.BeeLine",
        ["-u", f"jdbc:hive2://{host}:{port}", *context.args],
        classpath=[java.SPARK_JARS / "*"],
        configured=configured,
        server=("builder" if configured.cluster else "spark", host, port),
    )


def _service(configured: Settings, name: str) -> services.Service:
    found = services.known_services(configured)
    if name not in found:
        raise StackError(f"there is no service {name!r}", f"name one of {', '.join(found)}")
    return found[name]


def _run_java(
    main: str,
    arguments: list[str],
    *,
    classpath: list[Path],
    configured: Settings,
    server: tuple[str, str, int],
) -> None:
    name, host, port = server
    if not is_listening(host, port):
        raise NotRunning(
            f"{name} is not running: nothing listens at {host}:{port}",
            "`python -m stack up` starts it",
        )
    command = java.command(
        main, *arguments, classpath=classpath, options=["-Xmx256m", "-Dlog4j2.level=WARN"]
    )
    command = java.with_class_archive(command, main.rpartition(".")[2].lower())
    with subprocess.Popen(
        command,
        env=services.environment(configured),
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        for line in beeline.without_traces(process.stderr or ()):
            sys.stderr.write(line)
            sys.stderr.flush()
    raise typer.Exit(process.returncode)
