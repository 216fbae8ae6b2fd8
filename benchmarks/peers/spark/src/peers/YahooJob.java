package peers;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.timestamp_millis;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.unix_millis;
import static org.apache.spark.sql.functions.window;

import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF0;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.streaming.StreamingQueryListener;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Yahoo's benchmark on Spark Structured Streaming, in local mode with one core per partition: micro-batches as fast as they go, the campaigns
 * joined by a broadcast, windows in append mode (a window is written once, when the watermark has passed it).
 *
 * The watermark is of all partitions together, so it must allow for what one is ahead of the other within a batch.
 */
public final class YahooJob {
    private static final String WATERMARK_DELAY = Settings.PACED ? "50 milliseconds" : "60 seconds";
    private static final long MAX_EVENTS_PER_BATCH = 1_000_000;

    public static void main(String[] args) throws Exception {
        SparkSession spark = SparkSession.builder()
                .master("local[" + Settings.PARALLELISM + "]")
                .appName("Yahoo")
                .config("spark.ui.enabled", false)
                .config("spark.sql.shuffle.partitions", Settings.PARALLELISM)
                .config("spark.sql.session.timeZone", "UTC")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.local.dir", Settings.FOLDER)
                .config("spark.sql.warehouse.dir", Settings.FOLDER + "/warehouse")
                .config("spark.sql.streaming.metricsEnabled", false)
                .getOrCreate();
        spark.sparkContext().setLogLevel("WARN");
        spark.streams().addListener(new FirstBatch());

        StructType fields = new StructType()
                .add("ad_id", DataTypes.StringType)
                .add("event_type", DataTypes.StringType)
                .add("event_time", DataTypes.StringType);
        Dataset<Row> views = spark.readStream()
                .format("kafka")
                .option("kafka.bootstrap.servers", Settings.BOOTSTRAP)
                .option("subscribe", Settings.INPUT)
                .option("startingOffsets", "earliest")
                .option("maxOffsetsPerTrigger", MAX_EVENTS_PER_BATCH)
                .option("kafka.max.poll.records", 10_000)
                .option("kafka.max.partition.fetch.bytes", 4 << 20)
                .load()
                .select(from_json(col("value").cast("string"), fields).as("event"))
                .select(
                        col("event.ad_id"),
                        col("event.event_type"),
                        timestamp_millis(col("event.event_time").cast("long")).as("event_time"))
                .withWatermark("event_time", WATERMARK_DELAY)
                .filter(col("event_type").equalTo("view"))
                .join(broadcast(campaigns(spark)), "ad_id");
        write(
                views.groupBy(window(col("event_time"), "10 seconds"), col("campaign"))
                        .count()
                        .select(line("w", col("window.start"), col("count"))),
                "counts");
        if (!Settings.PROBE.isEmpty()) {
            write(views.filter(col("campaign").equalTo(Settings.PROBE)).select(line("p", col("event_time"), lit(1))), "passed");
        }
        spark.streams().awaitAnyTermination();
    }

    private static Dataset<Row> campaigns(SparkSession spark) {
        Map<String, String> campaignOf = Campaigns.load(Settings.REDIS);
        List<Row> rows = campaignOf.entrySet().stream().map(entry -> RowFactory.create(entry.getKey(), entry.getValue())).toList();
        return spark.createDataFrame(rows, new StructType().add("ad_id", DataTypes.StringType).add("campaign", DataTypes.StringType));
    }

    private static Column line(String kind, Column time, Column views) {
        UserDefinedFunction now = udf((UDF0<Long>) System::currentTimeMillis, DataTypes.LongType).asNondeterministic();
        return concat_ws(",", lit(kind), col("campaign"), unix_millis(time).cast("string"), views.cast("string"), now.apply().cast("string"))
                .as("value");
    }

    private static void write(Dataset<Row> lines, String name) throws Exception {
        lines.writeStream()
                .queryName(name)
                .outputMode("append")
                .format("kafka")
                .option("kafka.bootstrap.servers", Settings.BOOTSTRAP)
                .option("topic", Settings.OUTPUT)
                .option("checkpointLocation", Settings.FOLDER + "/checkpoint-" + name)
                .start();
    }

    /** The first batch is planned when there are records; when it is done it would be too late to start a clock. */
    private static final class FirstBatch extends StreamingQueryListener {
        @Override
        public void onQueryStarted(QueryStartedEvent event) {
            Settings.reading();
        }

        @Override
        public void onQueryProgress(QueryProgressEvent event) {}

        @Override
        public void onQueryTerminated(QueryTerminatedEvent event) {}
    }
}
