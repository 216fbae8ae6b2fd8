"""Yahoo's benchmark on Bytewax, one process with a worker for each partition, a snapshot for recovery at every epoch.

Bytewax has a clock for each key, so nothing but time closes a key's windows: a full topic is read to its end, which closes all.
What is behind the newest event of its key by more than the waiting time is dropped; the partitions are not equally far in event time.
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import bytewax.operators as op
import common
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower, count_window
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
WAIT = timedelta(seconds=2) if common.PACED else timedelta(hours=6)

campaign_of = common.load_campaigns()


def view(message):
    common.reading()
    event = orjson.loads(message.value)
    if event["event_type"] != "view":
        return None
    campaign = campaign_of.get(event["ad_id"])
    return None if campaign is None else (campaign, int(event["event_time"]))


def to_message(line):
    return KafkaSinkMessage(None, line.encode())


flow = Dataflow("yahoo")
source = KafkaSource([common.BOOTSTRAP], [common.INPUT], tail=common.PACED, batch_size=100 if common.PACED else 10_000)
views = op.filter_map("views", op.input("events", flow, source), view)
clock = EventClock(lambda seen: EPOCH + timedelta(milliseconds=seen[1]), WAIT)
windower = TumblingWindower(length=timedelta(milliseconds=common.WINDOW_MS), align_to=EPOCH)
counts = count_window("counts", views, clock, windower, key=lambda seen: seen[0]).down
lines = op.map("lines", counts, lambda result: common.window_line(result[0], result[1][0] * common.WINDOW_MS, result[1][1]))
if common.PROBE:
    probed = op.filter("probed", views, lambda seen: seen[0] == common.PROBE)
    lines = op.merge("all", lines, op.map("passed", probed, lambda seen: common.passed_line(*seen)))
sink = KafkaSink([common.BOOTSTRAP], common.OUTPUT)
op.output("results", op.map("messages", lines, to_message), sink)

recovery = Path(common.FOLDER) / "recovery"
recovery.mkdir()
init_db_dir(recovery, common.PARTITIONS)
cli_main(
    flow,
    workers_per_process=common.PARALLELISM,
    epoch_interval=timedelta(milliseconds=common.CHECKPOINT_MS),
    recovery_config=RecoveryConfig(recovery),
)
