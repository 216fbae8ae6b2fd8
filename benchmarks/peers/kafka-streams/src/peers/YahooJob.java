package peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.Stores;

/**
 * Yahoo's benchmark on Kafka Streams: one thread per partition, state in memory with a changelog, counts written as they change (Kafka
 * Streams has no watermarks: "final" would mean to wait for the grace period). The record cache holds changes back until the commit, so that
 * not every view becomes a record; where latency counts, commits are ten times as frequent.
 */
public final class YahooJob {
    private static final Duration WINDOW = Duration.ofSeconds(10);
    /**
     * The threads of a full topic are not equally far in event time, and what is behind the newest record of a partition by more than this is dropped.
     */
    private static final Duration GRACE = Settings.PACED ? Duration.ofSeconds(30) : Duration.ofHours(6);

    public static void main(String[] args) {
        Map<String, String> campaignOf = Campaigns.load(Settings.REDIS);
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, Long> views = builder
                .stream(
                        Settings.INPUT,
                        Consumed.with(Serdes.ByteArray(), deserializing(YahooJob::parse))
                                .withTimestampExtractor((record, before) -> ((AdEvent) record.value()).eventTime))
                .filter((key, event) -> event.eventType.equals("view"))
                .map((key, event) -> KeyValue.pair(campaignOf.get(event.adId), event.eventTime))
                .filter((campaign, time) -> campaign != null);

        if (!Settings.PROBE.isEmpty()) {
            views.filter((campaign, time) -> campaign.equals(Settings.PROBE))
                    .map((campaign, time) -> KeyValue.pair(campaign, Result.passed(campaign, time)))
                    .to(Settings.OUTPUT, Produced.with(Serdes.String(), Serdes.String()));
        }
        views.mapValues(time -> new byte[0])
                .groupByKey(Grouped.with("views", Serdes.String(), Serdes.ByteArray()))
                .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
                .count(Materialized.<String, Long>as(Stores.inMemoryWindowStore("counts", GRACE.plus(WINDOW), WINDOW, false))
                        .withKeySerde(Serdes.String())
                        .withValueSerde(Serdes.Long())
                        .withCachingEnabled())
                .toStream()
                .map((window, count) -> KeyValue.pair(window.key(), Result.window(window.key(), window.window().start(), count)))
                .to(Settings.OUTPUT, Produced.with(Serdes.String(), Serdes.String()));

        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, Settings.OUTPUT + "-streams");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, Settings.BOOTSTRAP);
        config.put(StreamsConfig.STATE_DIR_CONFIG, Settings.FOLDER);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Settings.PARALLELISM);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Settings.PACED ? Settings.CHECKPOINT_MS / 10 : Settings.CHECKPOINT_MS);
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L << 20);
        config.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), Settings.PACED ? 5 : 100);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        KafkaStreams streams = new KafkaStreams(builder.build(config), config);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(3))));
        streams.start();
    }

    private static AdEvent parse(byte[] bytes) {
        Settings.reading();
        AdEvent event = new AdEvent();
        try {
            AdEventParser.parse(bytes, event);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return event;
    }

    private interface Parser {
        AdEvent parse(byte[] bytes);
    }

    private static Serde<AdEvent> deserializing(Parser parser) {
        Deserializer<AdEvent> deserializer = (topic, bytes) -> parser.parse(bytes);
        return Serdes.serdeFrom((topic, event) -> {
            throw new UnsupportedOperationException();
        }, deserializer);
    }
}
