import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Prints the committed records of a topic, up to the last stable offset of each partition at the start, with Kafka's own client.
 *
 * Arguments: bootstrap servers, topic. One line per record: partition, offset, timestamp, key and value, separated by tabs, the last two in
 * base64, or "-" for none.
 */
class ReadCommitted {
    public static void main(String[] args) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("isolation.level", "read_committed");
        properties.put("enable.auto.commit", "false");
        StringBuilder lines = new StringBuilder();
        var bytes = new ByteArrayDeserializer();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties, bytes, bytes)) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(args[1]).forEach(p -> partitions.add(new TopicPartition(p.topic(), p.partition())));
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(500))) {
                    if (r.offset() >= ends.get(new TopicPartition(r.topic(), r.partition()))) continue;
                    lines.append(r.partition()).append('\t').append(r.offset()).append('\t').append(r.timestamp()).append('\t')
                        .append(text(r.key())).append('\t').append(text(r.value())).append('\n');
                }
                System.out.write(lines.toString().getBytes(StandardCharsets.US_ASCII), 0, lines.length());
                lines.setLength(0);
            }
        }
        System.out.flush();
    }

    private static String text(byte[] bytes) {
        return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
    }
}
