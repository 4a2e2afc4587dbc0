import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/** Writes as a Java service does: `java -cp JARS JavaProducer.java BROKERS TOPIC COUNT CODEC…`, COUNT records of each codec. */
public class JavaProducer {
  public static void main(String[] args) throws Exception {
    int count = Integer.parseInt(args[2]);
    for (int c = 3; c < args.length; c++) {
      Map<String, Object> settings =
          Map.of("bootstrap.servers", args[0], "compression.type", args[c], "linger.ms", 20, "batch.size", 200_000);
      try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
        Future<RecordMetadata> last = null;
        for (int i = 0; i < count; i++) {
          var record = new ProducerRecord<>(args[1], "key", args[c] + "-" + i + "-" + "long and dull ".repeat(i % 50));
          record.headers().add("codec", args[c].getBytes());
          last = producer.send(record);
        }
        last.get();
      }
    }
  }
}
