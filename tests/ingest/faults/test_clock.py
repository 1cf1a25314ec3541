"""Other time zones, and clocks that are set back."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from stack import environment
from stack.settings import Settings
from tests.ingest.faults import kafka_actions, services, thrift
from tests.ingest.faults.job import drain, run, settle
from tests.ingest.faults.oracle import Oracle

pytestmark = pytest.mark.services

DAY = 24 * 3600

# Sets the wall clock of the C library back by some seconds; monotonic clocks are unchanged.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long back(void) { const char *s = getenv("CLOCK_BACK_SECONDS"); return s ? atol(s) : 0; }

int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(id, t);
    if (code == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec -= back();
    return code;
}

int gettimeofday(struct timeval *t, void *zone) {
    struct timespec now;
    int code = clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return code;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.fixture(scope="module")
def clock_shim(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library that sets the clock of one process back, and not that of the machine."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: the clock of one process cannot be set back")
    folder: Path = tmp_path_factory.mktemp("clock")
    source, library = folder / "shim.c", folder / "shim.so"
    source.write_text(SHIM)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True
    )
    now = subprocess.run(
        ["date", "+%s"],
        env={**os.environ, "LD_PRELOAD": str(library), "CLOCK_BACK_SECONDS": str(DAY)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert abs(time.time() - DAY - int(now)) < 60, "the clock is not set back"
    return str(library)


def test_a_job_in_another_time_zone_with_its_clock_set_back(
    kafka: str, topic: str, oracle: Oracle, clock_shim: str
) -> None:
    midnight = int(time.time()) // DAY * DAY * 1000
    for n, at in enumerate((midnight - 1, midnight, midnight + 1)):
        kafka_actions.send(kafka, topic, b"%d" % n, timestamp_ms=at)
    run(topic, fresh=True, TZ="Pacific/Kiritimati")
    [(days, off)] = thrift.sql(
        "select count(distinct date(timestamp)), "
        "max(abs(unix_timestamp(ingested_at) - unix_timestamp())) "
        f"from {thrift.table_of(topic)}"
    )
    assert days == 2 and off < 300
    oracle.assert_right()

    for back in (DAY, 2 * DAY):
        kafka_actions.fill(kafka, topic, 3)
        run(topic, fresh=True, LD_PRELOAD=clock_shim, CLOCK_BACK_SECONDS=str(back))
    kafka_actions.fill(kafka, topic, 3)
    assert "batch 4: 9 messages" in run(topic)
    assert oracle.assert_right().rows == 30
    settle(topic)


@pytest.mark.long
def test_a_server_whose_clock_is_set_back(
    stack: Settings,
    kafka: str,
    topic: str,
    oracle: Oracle,
    clock_shim: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Spark times the commits of a table, and none may be older than the one before."""
    kafka_actions.fill(kafka, topic, 3)
    run(topic)
    kafka_actions.fill(kafka, topic, 3)
    before = thrift.snapshots(topic)
    try:
        with monkeypatch.context() as patch:
            shim = ("LD_PRELOAD", "CLOCK_BACK_SECONDS")
            patch.setattr(environment, "KEPT", (*environment.KEPT, *shim))
            patch.setenv("LD_PRELOAD", clock_shim)
            patch.setenv("CLOCK_BACK_SECONDS", str(DAY))
            services.kill(stack, "spark")
            services.heal(stack)
        [(now,)] = thrift.sql("select unix_timestamp()")
        assert abs(time.time() - DAY - now) < 300
        # The error is not reported as a conflict with another job.
        assert "another job" not in run(topic, expect=13)
        assert thrift.snapshots(topic) == before
    finally:
        services.kill(stack, "spark")
        services.heal(stack)
    drain(topic)
    oracle.assert_right()
    settle(topic)
