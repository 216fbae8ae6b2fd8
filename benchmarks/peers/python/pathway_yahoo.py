"""Yahoo's benchmark on Pathway: a worker thread for each partition, counts written as they change."""

import common
import pathway as pw
from confluent_kafka import Producer


class AdEvent(pw.Schema):
    ad_id: str
    event_type: str
    event_time: str


campaign_of = common.load_campaigns()


@pw.udf(deterministic=True)
def campaign(ad_id: str) -> str:
    common.reading()
    return campaign_of.get(ad_id, "")


producer = Producer({"bootstrap.servers": common.BOOTSTRAP, "linger.ms": 5})


def write(line):
    producer.produce(common.OUTPUT, line)
    producer.poll(0)


def on_count(key, row, time, is_addition):
    if is_addition:
        write(common.window_line(row["campaign"], row["start"], row["views"]))


def on_passed(key, row, time, is_addition):
    write(common.passed_line(row["campaign"], row["time"]))


events = pw.io.kafka.read(
    {"bootstrap.servers": common.BOOTSTRAP, "group.id": common.OUTPUT, "auto.offset.reset": "earliest"},
    topic=common.INPUT,
    schema=AdEvent,
    format="json",
    autocommit_duration_ms=20 if common.PACED else 1000,
)
views = (
    events.filter(pw.this.event_type == "view")
    .select(campaign=campaign(pw.this.ad_id), time=pw.cast(int, pw.this.event_time))
    .filter(pw.this.campaign != "")
)
counts = (
    views.select(pw.this.campaign, start=pw.this.time - pw.this.time % common.WINDOW_MS)
    .groupby(pw.this.campaign, pw.this.start)
    .reduce(pw.this.campaign, pw.this.start, views=pw.reducers.count())
)
pw.io.subscribe(counts, on_count)
if common.PROBE:
    pw.io.subscribe(views.filter(pw.this.campaign == common.PROBE), on_passed)
pw.run(monitoring_level=pw.MonitoringLevel.NONE)
