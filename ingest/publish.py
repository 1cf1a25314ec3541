"""Publish a file's messages: all of them, or none."""

import contextlib
import threading
from collections.abc import Callable, Iterable

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, ProducerFencedError

from ingest import client
from ingest.errors import PublishFailed
from ingest.files import MAX_MESSAGE_BYTES, Message
from ingest.settings import Settings
from ingest.topic import TIMEOUT_MS, Source, reaching

# Brokers allow no longer transaction than this by default.
TRANSACTION_TIMEOUT_MS = 15 * 60 * 1000
# kafka-python buffers without a bound, so wait for the broker now and then.
FLUSH_EVERY_BYTES = 32 * 1024**2
# A broker that is there takes a moment to end a transaction.
END_SECONDS = 60.0


def publish(
    settings: Settings,
    messages: Iterable[Message],
    key_field: str,
    progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Publish messages in one transaction, so that readers see all of them or none.

    A publish that was killed is undone by the next one to the same topic, or by the broker.

    Args:
        settings: where Kafka is, and the topic, which must exist.
        messages: bytes, and what they mean as JSON.
        key_field: the field whose value becomes the key, so that a repeated attempt follows the
            first in the same partition. Messages without it have no key.
        progress: told the count so far, now and then.

    Returns:
        how many messages were published.

    Raises:
        NoBroker: nobody answers.
        NoTopic: there is no such topic.
        PublishFailed: the broker refused, and nothing was published; or it went away at the very
            end, and it is not known.
        BadFile: from `messages`; nothing was published.
    """
    topic = settings.topic
    with Source(settings) as source:
        source.describe()
    with reaching(settings):
        producer = KafkaProducer(
            **client.arguments(settings.connection()),
            bootstrap_timeout_ms=TIMEOUT_MS,
            transactional_id=f"assay-publish-{topic}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            allow_auto_create_topics=False,
            compression_type="gzip",
            linger_ms=20,
            batch_size=512 * 1024,
            max_request_size=MAX_MESSAGE_BYTES,
        )
    try:
        with reaching(settings):
            producer.init_transactions()
        producer.begin_transaction()
        try:
            count = _send_all(producer, topic, messages, key_field, progress)
            within(END_SECONDS, producer.commit_transaction)
        except Unended as error:
            raise PublishFailed(
                f"Kafka at {settings.kafka} took {count:,} messages and did not say within "
                f"{END_SECONDS:.0f} s that they are published; it is not known whether they are",
                f"see how many wait: `python -m ingest status --topic {topic}`; "
                "if they are not there, publish again",
            ) from error
        except BaseException:
            _abort(producer)
            raise
    except ProducerFencedError as error:
        raise PublishFailed(
            f"another publish to {topic!r} took over; nothing of this one was published",
            "publish one file at a time",
        ) from error
    except KafkaError as error:
        raise PublishFailed(
            f"Kafka at {settings.kafka} refused: {type(error).__name__}: {error}; "
            "nothing was published",
            "mend the cause and publish again",
        ) from error
    finally:
        producer.close(timeout=5)
    return count


def _send_all(
    producer: KafkaProducer,
    topic: str,
    messages: Iterable[Message],
    key_field: str,
    progress: Callable[[int], None],
) -> int:
    count, unflushed = 0, 0
    sent = []
    for value, parsed in messages:
        key = parsed.get(key_field) if isinstance(parsed, dict) else None
        # Half of a surrogate pair is legal in JSON; equal keys stay equal bytes.
        data = None if key is None else str(key).encode(errors="surrogatepass")
        sent.append(producer.send(topic, value, data))
        count += 1
        unflushed += len(value)
        if unflushed > FLUSH_EVERY_BYTES:
            _confirm(producer, sent)
            sent, unflushed = [], 0
            progress(count)
    _confirm(producer, sent)
    progress(count)
    return count


def _confirm(producer: KafkaProducer, sent: list) -> None:  # type: ignore[type-arg]
    producer.flush()
    for future in sent:
        future.get(timeout=1)


def _abort(producer: KafkaProducer) -> None:
    # Where it fails, the broker aborts it: for the next publish, or at the timeout.
    with contextlib.suppress(KafkaError):
        within(END_SECONDS, producer.abort_transaction)


class Unended(KafkaTimeoutError):  # type: ignore[misc]
    """The end of a transaction was asked for, and Kafka has not answered."""


def within(seconds: float, end: Callable[[], None]) -> None:
    """End a transaction.

    kafka-python waits for ever where the broker is gone, and where it came back at a bad moment: it
    can lose the request.

    Args:
        seconds: to wait at most.
        end: a producer's `commit_transaction` or `abort_transaction`.

    Raises:
        Unended: it has not ended; whoever still waits for it is in a thread that nobody waits for.
        KafkaError: the broker refused.
    """
    errors: list[BaseException] = []

    def work() -> None:
        try:
            end()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Unended(f"no answer within {seconds:.0f} s")
    if errors:
        raise errors[0]
