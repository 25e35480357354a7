import mqtt from "mqtt-packet";
import { LIMITS } from "../core/limits.ts";
import { ANSWER, ANSWER_BYTES, writeAnswer } from "../wire/mqtt-answers.ts";
import { MqttFrameWalker } from "../wire/mqtt-frame.ts";
import { MQTT_TYPE } from "../wire/mqtt-header.ts";

/**
 * What a CPU-second is enough for, from the bytes of PUBLISH packets with QoS 1 to the bytes of their PUBACKs, and nothing else: mqtt-packet
 * with 3.1.1, 5.0 and 5.0 with a topic alias, and our walker, which knows 3.1.1. In turns, so that a busy machine hits all of them.
 */
const ROUNDS = 7;
const MESSAGES = 200_000;
const MESSAGES_PER_CHUNK = 250;
const TOPIC = "millrace/acme/pump-0001/telemetry";
const PAYLOAD = Buffer.from(
  JSON.stringify({ ts: 1_700_000_000_000, values: { rpm: 1480.5, bar: 3.2, celsius: 61.4 } }),
);

interface Way {
  readonly name: string;
  readonly chunk: Buffer;
  /** Parses the chunk as one read of a socket, and gives the answers to all of its messages. */
  readonly run: (chunk: Buffer) => Buffer;
}

function chunkOf(
  protocolVersion: 4 | 5,
  topicOf: (index: number) => string,
  properties: { topicAlias?: number } = {},
): Buffer {
  const packets = Array.from({ length: MESSAGES_PER_CHUNK }, (_, index) =>
    mqtt.generate(
      {
        cmd: "publish",
        topic: topicOf(index),
        payload: PAYLOAD,
        qos: 1,
        messageId: index + 1,
        dup: false,
        retain: false,
        properties,
      },
      { protocolVersion },
    ),
  );
  return Buffer.concat(packets);
}

function parserRun(protocolVersion: 4 | 5): Way["run"] {
  const parser = mqtt.parser({ protocolVersion });
  const aliases = new Map<number, string>();
  let answers: Buffer[] = [];
  parser.on("packet", (packet) => {
    if (packet.cmd !== "publish") throw new Error(`a ${packet.cmd}`);
    const alias = packet.properties?.topicAlias;
    if (alias !== undefined && packet.topic !== "") aliases.set(alias, packet.topic);
    const topic = packet.topic === "" && alias !== undefined ? aliases.get(alias) : packet.topic;
    if (topic !== TOPIC) throw new Error(`the topic ${topic}`);
    answers.push(mqtt.generate({ cmd: "puback", messageId: packet.messageId ?? 0 }, { protocolVersion }));
  });
  return (chunk) => {
    answers = [];
    parser.parse(chunk);
    return Buffer.concat(answers);
  };
}

function walkerRun(): Way["run"] {
  const walker = new MqttFrameWalker(LIMITS);
  walker.feed(
    mqtt.generate({
      cmd: "connect",
      clientId: "a",
      clean: true,
      keepalive: 60,
      protocolId: "MQTT",
      protocolVersion: 4,
    }),
  );
  walker.next();
  return (chunk) => {
    const answers = Buffer.allocUnsafe(MESSAGES_PER_CHUNK * ANSWER_BYTES);
    let at = 0;
    walker.feed(chunk);
    while (walker.next()) {
      if (walker.type !== MQTT_TYPE.publish || (!walker.isTopicRepeated && walker.topic() !== TOPIC))
        throw new Error("not this topic");
      at = writeAnswer(answers, at, ANSWER.puback, walker.packetId);
    }
    walker.keepRest();
    return answers.subarray(0, at);
  };
}

const WAYS: readonly Way[] = [
  { name: "walker, 3.1.1", chunk: chunkOf(4, () => TOPIC), run: walkerRun() },
  { name: "mqtt-packet, 3.1.1", chunk: chunkOf(4, () => TOPIC), run: parserRun(4) },
  { name: "mqtt-packet, 5.0", chunk: chunkOf(5, () => TOPIC), run: parserRun(5) },
  {
    name: "mqtt-packet, 5.0, topic alias",
    chunk: chunkOf(5, (index) => (index === 0 ? TOPIC : ""), { topicAlias: 1 }),
    run: parserRun(5),
  },
];

function perCpuSecond({ chunk, run }: Way): number {
  const before = process.cpuUsage();
  for (let sent = 0; sent < MESSAGES; sent += MESSAGES_PER_CHUNK) {
    if (run(chunk).length < MESSAGES_PER_CHUNK * ANSWER_BYTES) throw new Error("answers are missing");
  }
  const { user, system } = process.cpuUsage(before);
  return (MESSAGES / (user + system)) * 1e6;
}

const results = new Map<string, number[]>();
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const way of WAYS) {
    const rate = perCpuSecond(way);
    // The first round warms up.
    if (round > 0) results.set(way.name, [...(results.get(way.name) ?? []), rate]);
  }
}
for (const { name, chunk } of WAYS) {
  const rates = (results.get(name) ?? []).toSorted((a, b) => a - b);
  const [low = 0, middle = 0, high = 0] = [rates[0], rates[Math.floor(rates.length / 2)], rates.at(-1)];
  const bytes = Math.round(chunk.length / MESSAGES_PER_CHUNK);
  console.log(
    `${name}: ${Math.round(middle)} messages per CPU-second (${Math.round(low)} to ${Math.round(high)}), ${bytes} bytes each`,
  );
}
