import { describe, expect, it } from "vitest";
import { parseKafkaUrl } from "../../../app/kafka-url.ts";

describe("the address of a topic", () => {
  it("has brokers, a topic, and TLS or not", () => {
    expect(parseKafkaUrl("kafkas://kafka-1.example:9093,10.0.0.2:9094/plant_7.edges")).toEqual({
      tls: true,
      brokers: [
        { host: "kafka-1.example", port: 9093 },
        { host: "10.0.0.2", port: 9094 },
      ],
      topic: "plant_7.edges",
      place: "kafkas://kafka-1.example:9093,10.0.0.2:9094",
    });
    expect(parseKafkaUrl("kafka://localhost:9092/t")).toMatchObject({ tls: false, place: "kafka://localhost:9092" });
  });

  it.each([
    "mqtts://cloud.example:8883",
    "kafka://localhost/t",
    "kafka://localhost:9092",
    "kafka://localhost:9092/",
    "kafka://localhost:9092/..",
    "kafka://localhost:9092/t/u",
    "kafka://localhost:9092/t?x=1",
    "kafka://localhost:0/t",
    "kafka://localhost:70000/t",
    "kafka://a:9092,/t",
    "kafka://me:secret@localhost:9092/t",
    `kafka://localhost:9092/${"t".repeat(250)}`,
    "kafkass://localhost:9092/t",
  ])("is not %s", (url) => {
    expect(parseKafkaUrl(url)).toBeNull();
  });
});
