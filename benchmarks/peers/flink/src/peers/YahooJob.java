package peers;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Yahoo's benchmark on Apache Flink, in a local cluster with one slot per partition: one process, no REST server, heap state, aligned
 * checkpoints. Records are reused from the source to the exchange, and the exchange carries a tuple of known types.
 */
public final class YahooJob {
    public static void main(String[] args) throws Exception {
        Configuration configuration = new Configuration();
        configuration.set(PipelineOptions.OBJECT_REUSE, true);
        configuration.set(StateBackendOptions.STATE_BACKEND, "hashmap");
        configuration.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(Settings.CHECKPOINT_MS));
        configuration.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        configuration.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, "file://" + Settings.FOLDER);
        configuration.set(PipelineOptions.AUTO_WATERMARK_INTERVAL, Duration.ofMillis(10));
        configuration.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(64));
        configuration.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(64));
        configuration.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(16));

        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(Settings.PARALLELISM, configuration);
        env.setBufferTimeout(5);

        KafkaSource<AdEvent> source = KafkaSource.<AdEvent>builder()
                .setBootstrapServers(Settings.BOOTSTRAP)
                .setTopics(Settings.INPUT)
                .setGroupId("yahoo-flink")
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new AdEventSchema())
                .setProperty("max.poll.records", "10000")
                .setProperty("max.partition.fetch.bytes", "4194304")
                .build();
        KafkaSink<String> sink = KafkaSink.<String>builder()
                .setBootstrapServers(Settings.BOOTSTRAP)
                .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                .setRecordSerializer(KafkaRecordSerializationSchema.<String>builder()
                        .setTopic(Settings.OUTPUT)
                        .setValueSerializationSchema(new SimpleStringSchema())
                        .build())
                .build();

        SingleOutputStreamOperator<Tuple2<String, Long>> views = env
                .fromSource(
                        source,
                        WatermarkStrategy.<AdEvent>forMonotonousTimestamps().withTimestampAssigner((event, time) -> event.eventTime),
                        "Ad events")
                .filter(event -> event.eventType.equals("view"))
                .name("Views")
                .flatMap(new JoinCampaign())
                .name("Campaign of the ad");

        DataStream<String> results = views.keyBy(view -> view.f0, Types.STRING)
                .window(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))
                .aggregate(new Count(), new ToLine())
                .name("Views per campaign and window");
        if (!Settings.PROBE.isEmpty()) {
            String probe = Settings.PROBE;
            results = results.union(views.filter(view -> view.f0.equals(probe))
                    .map(view -> Result.passed(view.f0, view.f1))
                    .returns(Types.STRING)
                    .name("Passed through"));
        }
        results.sinkTo(sink).name("Results");
        env.execute("Yahoo");
    }

    private static final class AdEventSchema implements KafkaRecordDeserializationSchema<AdEvent> {
        private transient AdEvent reused;

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> message, Collector<AdEvent> out) throws IOException {
            if (reused == null) {
                reused = new AdEvent();
                Settings.reading();
            }
            AdEventParser.parse(message.value(), reused);
            out.collect(reused);
        }

        @Override
        public TypeInformation<AdEvent> getProducedType() {
            return TypeInformation.of(AdEvent.class);
        }
    }

    private static final class JoinCampaign extends RichFlatMapFunction<AdEvent, Tuple2<String, Long>> {
        private transient Map<String, String> campaignOf;
        private transient Tuple2<String, Long> reused;

        @Override
        public void open(OpenContext context) {
            campaignOf = Campaigns.load(Settings.REDIS);
            reused = new Tuple2<>();
        }

        @Override
        public void flatMap(AdEvent event, Collector<Tuple2<String, Long>> out) {
            reused.f0 = campaignOf.get(event.adId);
            if (reused.f0 == null) return;
            reused.f1 = event.eventTime;
            out.collect(reused);
        }
    }

    private static final class Count implements AggregateFunction<Tuple2<String, Long>, Long, Long> {
        @Override
        public Long createAccumulator() {
            return 0L;
        }

        @Override
        public Long add(Tuple2<String, Long> view, Long count) {
            return count + 1;
        }

        @Override
        public Long getResult(Long count) {
            return count;
        }

        @Override
        public Long merge(Long a, Long b) {
            return a + b;
        }
    }

    private static final class ToLine extends ProcessWindowFunction<Long, String, String, TimeWindow> {
        @Override
        public void process(String campaign, Context context, Iterable<Long> counts, Collector<String> out) {
            out.collect(Result.window(campaign, context.window().getStart(), counts.iterator().next()));
        }
    }
}
