"""Publish messages in one transaction: all of them, or none."""

import contextlib
import threading
from collections.abc import Callable, Iterable

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, ProducerFencedError

from ingest import kafka_client
from ingest.errors import PublishFailed
from ingest.kafka_errors import translate_kafka_errors
from ingest.settings import Settings
from ingest.topic import TIMEOUT_MS, Source
from sample.files import MAX_MESSAGE_BYTES, Message

# The longest that brokers allow by default.
TRANSACTION_TIMEOUT_MS = 15 * 60 * 1000
# kafka-python's buffer is unbounded, so it is flushed regularly.
FLUSH_EVERY_BYTES = 32 * 1024**2
# A running broker needs much less to end a transaction.
END_SECONDS = 60.0


def publish(
    settings: Settings,
    messages: Iterable[Message],
    key_field: str,
    progress: Callable[[int], None] = lambda count: None,
) -> int:
    """Publish messages in one transaction, so that consumers read all of them or none.

    The transaction of a killed publish is aborted by the next one to the same topic, or by the
    broker at its timeout.

    Args:
        settings: where Kafka is, and the topic, which must exist.
        messages: bytes of each message, and the JSON value that they encode.
        key_field: the field whose value becomes the key, so that a repeated attempt follows the
            first in the same partition. Messages without it have no key.
        progress: called with the count so far, after every flush.

    Returns:
        Number of published messages.

    Raises:
        BrokerUnavailable: no broker answers.
        UnknownTopic: the topic does not exist.
        PublishFailed: the broker refused, and nothing was published; or it did not confirm the
            commit, and the result is unknown.
        BadFile: from `messages`; nothing was published.
    """
    topic = settings.topic
    with Source(settings) as source:
        source.describe()
    with translate_kafka_errors(settings):
        producer = KafkaProducer(
            **kafka_client.arguments(settings.connection()),
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
        with translate_kafka_errors(settings):
            producer.init_transactions()
        producer.begin_transaction()
        try:
            count = _send_all(producer, topic, messages, key_field, progress)
            end_transaction(END_SECONDS, producer.commit_transaction)
        except TransactionTimeout as error:
            raise PublishFailed(
                f"Kafka at {settings.kafka} received {count:,} messages and did not confirm within "
                f"{END_SECONDS:.0f} s that they are published; it is not known whether they are",
                f"check the lag: `python -m ingest status --topic {topic}`; "
                "if the messages are not in the topic, publish again",
            ) from error
        except BaseException:
            _abort(producer)
            raise
    except ProducerFencedError as error:
        raise PublishFailed(
            f"another publish to {topic!r} replaced this one, of which nothing was published",
            "publish one file at a time",
        ) from error
    except KafkaError as error:
        raise PublishFailed(
            f"Kafka at {settings.kafka} refused: {type(error).__name__}: {error}; "
            "nothing was published",
            "correct the cause and publish again",
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
    # If this fails, the broker aborts the transaction: at the next publish, or at its timeout.
    with contextlib.suppress(KafkaError):
        end_transaction(END_SECONDS, producer.abort_transaction)


class TransactionTimeout(KafkaTimeoutError):  # type: ignore[misc]
    """Kafka has not answered the request to end a transaction."""


def end_transaction(seconds: float, end: Callable[[], None]) -> None:
    """End a transaction.

    kafka-python waits forever if the broker is gone, or if it lost the request in a restart.

    Args:
        seconds: maximum time to wait.
        end: a producer's `commit_transaction` or `abort_transaction`.

    Raises:
        TransactionTimeout: it has not ended; the waiting thread is left running.
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
        raise TransactionTimeout(f"no answer within {seconds:.0f} s")
    if errors:
        raise errors[0]
