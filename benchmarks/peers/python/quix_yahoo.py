"""Yahoo's benchmark on Quix Streams: a process for each partition, state in RocksDB with a changelog, counts written as they change.

As Kafka Streams it has no watermarks, and what is behind by more than the grace period is dropped.
"""

import logging
from multiprocessing import Process

import common
import orjson
from quixstreams import Application

GRACE_MS = 30_000 if common.PACED else 6 * 3_600_000


def run():
    campaign_of = common.load_campaigns()
    app = Application(
        broker_address=common.BOOTSTRAP,
        consumer_group=common.OUTPUT,
        auto_offset_reset="earliest",
        commit_interval=common.CHECKPOINT_MS / 1000,
        state_dir=f"{common.FOLDER}/state",
        loglevel=logging.WARNING,
        producer_extra_config={"linger.ms": 5},
    )

    def parse(value):
        common.reading()
        event = orjson.loads(value)
        return {"campaign": campaign_of.get(event["ad_id"]), "type": event["event_type"], "time": int(event["event_time"])}

    events = app.topic(
        common.INPUT,
        value_deserializer="bytes",
        timestamp_extractor=lambda value, headers, timestamp, kind: event_time(value),
    )
    results = app.topic(common.OUTPUT, key_serializer="str", value_serializer="str")
    views = app.dataframe(events).apply(parse).filter(lambda event: event["type"] == "view" and event["campaign"] is not None)
    if common.PROBE:
        views.filter(lambda event: event["campaign"] == common.PROBE).apply(
            lambda event: common.passed_line(event["campaign"], event["time"])
        ).to_topic(results, key=lambda line: "")
    counts = (
        views.group_by(lambda event: event["campaign"], name="campaign", key_serializer="str", key_deserializer="str")
        .tumbling_window(duration_ms=common.WINDOW_MS, grace_ms=GRACE_MS)
        .count()
        .current()
    )
    counts.apply(
        lambda window, key, timestamp, headers: common.window_line(key, window["start"], window["value"]), metadata=True
    ).to_topic(results)
    app.run()


def event_time(value):
    """The time of an event, by its place in the original's text: the extractor is asked before anything is decoded."""
    at = value.index(b'"event_time": "') + 15
    return int(value[at : at + 13])


if __name__ == "__main__":
    processes = [Process(target=run) for _ in range(common.PARALLELISM)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
