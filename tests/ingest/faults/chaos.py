"""The chaos test: random faults during a long run of ingest, then the oracle's verdict.

It has a producer, one to three ingest jobs, and an adversary that kills, stops, restarts, compacts,
deletes records and recreates the topic. The actions of the adversary and their times follow from
the seed alone, so a failure can be repeated.
"""

import argparse
import random
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from kafka import KafkaProducer
from kafka.errors import KafkaError, TopicAlreadyExistsError

from sample.publish import end_transaction
from stack.settings import Settings
from tests.ingest.faults import kafka_actions, services, thrift
from tests.ingest.faults.job import Job
from tests.ingest.faults.oracle import Oracle, Verdict

PARTITIONS = 3
MOST_PARTITIONS = 6
JOBS = 3
COMMANDS = [
    ["run"],
    ["run", "--max-messages", "500"],
    ["run", "--follow", "--batch-interval", "1"],
    ["run"],
    ["run", "--follow", "--max-messages", "200"],
    ["maintain", "--keep-hours", "0"],
]
# How often each action is chosen, relative to the others.
ACTIONS = {
    "kill a job": 30,
    "stop a job": 12,
    "kill a worker": 8,
    "freeze": 8,
    "restart": 12,
    "compact": 6,
    "delete records": 4,
    "recreate": 2,
    "grow": 2,
}
SERVICES = ("spark", "namenode", "datanode", "kafka")
# The exit codes of a job during the test: success, and each failure that is transient or whose
# remedy the adversary applies. SIGKILL is -9, SIGTERM -15, and a second SIGTERM 130.
EXPECTED = {0, 11, 12, 13, 15, 16, 17, 18, 19, 130, -9, -15}
END_SECONDS = 60.0
TRANSACTION_SECONDS = 15.0


@dataclass(frozen=True)
class Action:
    """An action of the adversary.

    Attributes:
        at: seconds from the beginning, without the time that earlier actions take, so that a slow
            machine has as many actions.
        what: one of ACTIONS.
        choice: selects the target, as a fraction of all possible ones.
        seconds: duration, for the actions that have one.
    """

    at: float
    what: str
    choice: float
    seconds: float


def plan(seed: int, seconds: float) -> list[Action]:
    """Return the actions of a run: the same for the same seed; a longer run begins with them."""
    rng = random.Random(f"hand {seed}")
    actions: list[Action] = []
    at = 0.0
    while True:
        at += rng.uniform(3, 12)
        if at > seconds:
            return actions
        [what] = rng.choices(list(ACTIONS), list(ACTIONS.values()))
        actions.append(Action(at, what, rng.random(), rng.uniform(1, 6)))


@dataclass
class Chaos:
    """One run on the stack's own services."""

    stack: Settings
    seed: int
    seconds: float
    kafka: str
    topic: str = field(default_factory=lambda: f"chaos-{uuid.uuid4().hex[:8]}")
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.oracle = Oracle(self.kafka, self.topic)
        self._begun = time.monotonic()
        self._over = threading.Event()
        self._producing = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._partitions = PARTITIONS

    def play(self) -> Verdict:
        """Run producer, jobs and adversary, then drain the topic and judge."""
        self.say(f"topic {self.topic}, seed {self.seed}, {self.seconds:.0f} s")
        services.heal(self.stack)  # an earlier test may have left a service dead
        kafka_actions.create(self.kafka, self.topic, PARTITIONS)
        actors = [threading.Thread(target=self._guarded, args=(self._produce,))]
        actors += [
            threading.Thread(target=self._guarded, args=(self._ingest, slot))
            for slot in range(JOBS)
        ]
        for actor in actors:
            actor.start()
        try:
            waited = 0.0
            for action in plan(self.seed, self.seconds):
                if self._over.wait(action.at - waited):
                    break
                waited = action.at
                try:
                    self._act(action)
                except KafkaError as error:
                    # On a busy machine a broker may restart slowly; continue with the next action.
                    self.say(f"{action.what} failed: {error!r}")
                    self.counts["actions that failed"] += 1
            self._over.wait(self.seconds - waited)
        finally:
            self._over.set()
            for job in list(self._jobs.values()):
                job.resume()
                job.terminate()
            for actor in actors:
                actor.join(END_SECONDS * 3)
            services.heal(self.stack)
        return self._end()

    def say(self, what: str) -> None:
        """Print one line of progress."""
        print(f"{self._elapsed:8.1f} s  {what}", flush=True)

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._begun

    def _guarded(self, work: Callable[..., None], *arguments: int) -> None:
        try:
            work(*arguments)
        except Exception as error:
            self.wrong.append(f"{work.__name__}: {error!r}")
            self.say(self.wrong[-1])
            self._over.set()

    # The producer

    def _produce(self) -> None:
        rng = random.Random(f"producer {self.seed}")
        producer: KafkaProducer | None = None
        while not self._over.wait(rng.uniform(0.1, 2.0)):
            with self._producing:
                try:
                    producer = producer or self._producer()
                    self._produce_some(producer, rng)
                except (KafkaError, AssertionError, RuntimeError, ValueError) as error:
                    # The broker is down, or the topic was recreated. A new producer aborts the
                    # open transaction; the oracle reads the committed ones.
                    self.counts[f"producer: {type(error).__name__}"] += 1
                    self._give_up(producer)
                    producer = None
        self._give_up(producer)

    def _give_up(self, producer: KafkaProducer | None) -> None:
        with suppress(KafkaError):
            if producer is not None:
                producer.close(timeout=2)

    def _producer(self) -> KafkaProducer:
        producer = KafkaProducer(
            bootstrap_servers=self.kafka,
            transactional_id=self.topic,
            transaction_timeout_ms=10_000,
            max_block_ms=10_000,
            request_timeout_ms=5_000,
            delivery_timeout_ms=10_000,
            allow_auto_create_topics=False,
        )
        producer.init_transactions()
        return producer

    def _produce_some(self, producer: KafkaProducer, rng: random.Random) -> None:
        count = rng.choice([1, 1, 5, 50, 500, 2000])
        producer.begin_transaction()
        for n in range(count):
            key = b"%d" % rng.randrange(1000)
            value = rng.choice(
                [None, b"", b"\xff\x00", rng.randbytes(40), b"%d " % n * rng.randrange(300)]
            )
            headers = [("h", b"1"), ("h", b"")] if rng.random() < 0.1 else []
            producer.send(
                self.topic, value, key, headers, partition=rng.randrange(self._partitions)
            )
        producer.flush(timeout=15)
        if rng.random() < 0.2:
            end_transaction(TRANSACTION_SECONDS, producer.abort_transaction)
            self.counts["transactions aborted"] += 1
        else:
            end_transaction(TRANSACTION_SECONDS, producer.commit_transaction)
            self.counts["transactions committed"] += 1
            self.counts["records"] += count

    # The jobs

    def _ingest(self, slot: int) -> None:
        rng = random.Random(f"job {slot} {self.seed}")
        # The first job runs all the time, the others now and then.
        while not self._over.wait(rng.uniform(0, 2) if slot == 0 else rng.uniform(2, 15)):
            command = rng.choice(COMMANDS if slot else COMMANDS[:3])
            with Job(self.topic, *command, ASSAY_STALL_SECONDS="15") as job:
                self._jobs[slot] = job
                if "--follow" in command:
                    self._over.wait(rng.uniform(5, 30))
                    job.terminate()
                self._end_of(job)
                self._jobs.pop(slot)

    def _end_of(self, job: Job) -> None:
        code = job.wait(300)
        self.counts[f"jobs that ended with {code}"] += 1
        self.counts["batches reported"] += job.said.count("messages into")
        if code not in EXPECTED or "Traceback" in job.said:
            self.wrong.append(f"{job.arguments} ended with {code}: {job.said[-2000:]}")
            self.say(self.wrong[-1])

    # The adversary

    def _act(self, action: Action) -> None:
        match action.what:
            case "kill a job" if job := self._chosen_job(action):
                self.say(f"kill the job {' '.join(job.arguments)}")
                job.kill()
                self.counts["jobs killed"] += 1
            case "stop a job" if job := self._chosen_job(action):
                self.say(f"stop the job {' '.join(job.arguments)} for {action.seconds:.1f} s")
                job.stop()
                self._over.wait(action.seconds)
                job.resume()
                self.counts["jobs stopped"] += 1
            case "kill a worker":
                for worker in services.busy_workers(self.stack, self.stack.kafka_port)[:1]:
                    self.say(f"kill the worker {worker.pid}")
                    worker.kill()
                    self.counts["workers killed"] += 1
            case "freeze":
                name = SERVICES[int(action.choice * len(SERVICES))]
                self.say(f"freeze {name} for {action.seconds:.1f} s")
                with services.frozen(self.stack, name):
                    self._over.wait(action.seconds)
                self.counts["services frozen"] += 1
            case "restart":
                name = SERVICES[int(action.choice * len(SERVICES))]
                self.say(f"kill {name} and start it again")
                services.kill(self.stack, name)
                services.heal(self.stack)
                self.counts["services killed"] += 1
            case "compact":
                self.say("compact all files and expire snapshots")
                self._tolerant(thrift.rewrite, self.topic)
                self._tolerant(thrift.expire, self.topic)
                self.counts["compactions"] += 1
            case "delete records":
                self._delete_records(action.choice)
            case "recreate":
                self._recreate()
            case "grow" if self._partitions < MOST_PARTITIONS:
                self.say(f"one partition more than {self._partitions}")
                kafka_actions.grow(self.kafka, self.topic, self._partitions + 1)
                self._partitions += 1

    def _chosen_job(self, action: Action) -> Job | None:
        for _ in range(100):
            jobs = [job for _, job in sorted(self._jobs.items()) if job.is_running]
            if jobs:
                return jobs[int(action.choice * len(jobs))]
            if self._over.wait(0.2):
                break
        return None

    def _delete_records(self, share: float) -> None:
        """Delete some records of the older half, read or not, and accept the loss."""
        ends = kafka_actions.ends(self.kafka, self.topic)
        begins = kafka_actions.begins(self.kafka, self.topic)
        offsets = {p: begins[p] + int((end - begins[p]) * share / 2) for p, end in ends.items()}
        self.say(f"delete records below {offsets}")
        self.oracle.before_deletion(offsets)
        kafka_actions.delete_records(self.kafka, self.topic, offsets)
        self.counts["deletions of records"] += 1
        self._decide("accept", "data-loss", accepting=(0, 25))

    def _recreate(self) -> None:
        with self._producing:
            self.say("delete the topic and create it again")
            self.oracle.before_recreation()
            kafka_actions.delete(self.kafka, self.topic)
            for _ in range(10):
                try:
                    kafka_actions.create(self.kafka, self.topic, self._partitions)
                    break
                except TopicAlreadyExistsError:
                    break
                except KafkaError as error:
                    self.say(f"the topic is not created yet: {error!r}")
            self.counts["recreations"] += 1
            self._decide("accept", "topic-recreated", accepting=(0, 25))

    def _decide(self, *command: str, accepting: tuple[int, ...], tries: int = 10) -> None:
        """Run a command of ingest until it does not conflict with other jobs."""
        for _ in range(tries):
            with Job(self.topic, *command) as job:
                code = job.wait(300)
            self.say(f"{' '.join(command)}: {code}")
            if code in accepting:
                self.counts[" ".join(command[:2])] += 1
                return
            if code not in EXPECTED or "Traceback" in job.said:
                self.wrong.append(f"{command} ended with {code}: {job.said[-2000:]}")
                return
        self.wrong.append(f"{command} never succeeded: {job.said[-2000:]}")

    def _tolerant(self, work: Callable[[str], None], topic: str) -> None:
        """Run an administrator's operation; a concurrent commit or a missing table may fail it."""
        try:
            work(topic)
        except Exception as error:
            self.say(f"{work.__name__} failed: {str(error)[:120]}")

    # The end

    def _end(self) -> Verdict:
        self.say("the end: drain")
        for _ in range(40):
            with Job(self.topic, "run") as job:
                code = job.wait(300)
            if code == 0 and "nothing new" in job.said:
                break
            if code == 16:
                self._decide("accept", "data-loss", accepting=(0, 25))
            elif code == 15:
                self._decide("accept", "topic-recreated", accepting=(0, 25))
            elif code not in EXPECTED:
                self.wrong.append(f"a run at the end ended with {code}: {job.said[-2000:]}")
                break
        else:
            self.wrong.append(f"the topic is not drained: {job.said[-2000:]}")
        verdict = self.oracle.judge()
        before = thrift.snapshots(self.topic)
        for _ in range(2):
            with Job(self.topic, "run") as job:
                if job.wait(300) != 0 or "nothing new" not in job.said:
                    self.wrong.append(f"a run after the end found something: {job.said[-2000:]}")
        if thrift.snapshots(self.topic) != before:
            self.wrong.append("a run after the end changed the table")
        self.counts["commits"] = thrift.last_batch(self.topic)
        self.counts["records of all topic ids"] = len(self.oracle.seen)
        for what, count in sorted(self.counts.items()):
            self.say(f"{count:8,} {what}")
        for what in self.wrong:
            self.say(f"WRONG: {what}")
        self.say(f"verdict: {verdict}")
        return verdict


def main() -> int:
    """Run the chaos test on its own services; the exit code is 1 if anything is wrong."""
    from tests.conftest import own_stack

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    with own_stack() as stack:
        kafka = stack.client_environment()["ASSAY_KAFKA"]
        chaos = Chaos(stack, arguments.seed, arguments.minutes * 60, kafka)
        verdict = chaos.play()
        return 0 if verdict.is_right and not chaos.wrong else 1


if __name__ == "__main__":
    sys.exit(main())
