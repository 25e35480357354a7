import type { BrokerAddress } from "../log/kafka/kafka-client.ts";

/** Where a topic of somebody's Kafka is. */
export interface KafkaTopicAddress {
  readonly tls: boolean;
  /** At least one. */
  readonly brokers: readonly BrokerAddress[];
  readonly topic: string;
  /** For people: the address without the topic. */
  readonly place: string;
}

/** Of the form `kafkas://host:9093,host:9093/topic`; the names that Kafka takes for topics. */
export const KAFKA_URL = /^kafka(s?):\/\/([^/,@:\s]+:\d{1,5}(?:,[^/,@:\s]+:\d{1,5})*)\/([\w.-]{1,249})$/;

/** Null when it is no such address. */
export function parseKafkaUrl(url: string): KafkaTopicAddress | null {
  const [, secure, hosts, topic] = KAFKA_URL.exec(url) ?? [];
  if (secure === undefined || hosts === undefined || topic === undefined || /^\.\.?$/.test(topic)) return null;
  const brokers = hosts.split(",").map((address) => {
    const [host = "", port = ""] = address.split(":");
    return { host, port: Number(port) };
  });
  if (brokers.some(({ port }) => port < 1 || port > 65_535)) return null;
  return { tls: secure === "s", brokers, topic, place: url.slice(0, -topic.length - 1) };
}
