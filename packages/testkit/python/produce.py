"""Writes to wayline.direct as a service in Python does: confluent-kafka, with its JSONSerializer.

Arguments: the brokers, the registry's address, the write key, the codec, and `latest` to write by the newest schema of the
subject, or the name of a file with a schema that is the service's own. Events are read from standard input, one a line.
Prints the number of records that Kafka has acknowledged.
"""

import json
import sys

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

TOPIC = "wayline.direct"
brokers, registry_url, key, codec, schema = sys.argv[1:6]

registry = SchemaRegistryClient({"url": registry_url})
if schema == "latest":
    text = registry.get_latest_version(f"{TOPIC}-value").schema.schema_str
    settings = {"auto.register.schemas": False, "use.latest.version": True}
else:
    with open(schema, encoding="utf-8") as file:
        text = file.read()
    settings = {"auto.register.schemas": False}
serialize = JSONSerializer(text, registry, conf=settings)

producer = Producer(
    {
        "bootstrap.servers": brokers,
        "partitioner": "murmur2_random",
        "acks": "all",
        "compression.type": codec,
    }
)
acknowledged = 0


def delivered(error, _message):
    global acknowledged
    if error is not None:
        raise SystemExit(f"not delivered: {error}")
    acknowledged += 1


for line in sys.stdin:
    event = json.loads(line)
    value = serialize(event, SerializationContext(TOPIC, MessageField.VALUE))
    producer.produce(TOPIC, key=event["sessionId"], value=value, headers={"wayline-key": key}, on_delivery=delivered)
    producer.poll(0)
producer.flush()
print(acknowledged)
