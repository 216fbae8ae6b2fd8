"""What the measurement tells every contestant, and what all Python contestants do in the same way."""

import os
import time

import redis

BOOTSTRAP = os.environ["PEERS_BOOTSTRAP"]
INPUT = os.environ["PEERS_INPUT"]
OUTPUT = os.environ["PEERS_OUTPUT"]
PROBE = os.environ["PEERS_PROBE"]
FOLDER = os.environ["PEERS_FOLDER"]
PARALLELISM = int(os.environ["PEERS_PARALLELISM"])
CHECKPOINT_MS = int(os.environ["PEERS_CHECKPOINT_MS"])
# Whether events are read as they come, so that it counts how soon results are there; otherwise a full topic is read.
PACED = os.environ["PEERS_MODE"] == "latency"
PARTITIONS = 2
WINDOW_MS = 10_000

_reading = False


def reading():
    """Tells the measurement, once, that the first record has come."""
    global _reading
    if not _reading:
        _reading = True
        os.write(1, b"READING\n")


def load_campaigns():
    """The campaign of each ad, loaded from Redis once at the start."""
    host, port = os.environ["PEERS_REDIS"].split(":")
    client = redis.Redis(host, int(port), decode_responses=True)
    ads = client.keys("*-*")
    return dict(zip(ads, client.mget(ads)))


def window_line(campaign, start_ms, views):
    return f"w,{campaign},{start_ms},{views},{int(time.time() * 1000)}"


def passed_line(campaign, event_ms):
    return f"p,{campaign},{event_ms},1,{int(time.time() * 1000)}"
