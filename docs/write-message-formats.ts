import { readFileSync, writeFileSync } from "node:fs";
import { controlSchema } from "../core/control.ts";
import * as derived from "../core/derived-records.ts";
import { HEADER } from "../core/record.ts";
import { JOURNAL_HEADER } from "../log/kafka/journal-record.ts";
import { pageTable } from "./page-table.ts";
import { schemaRows } from "./schema-table.ts";
import type { z } from "zod";
import type { OutputTopic } from "../core/topics.ts";

const ROOT = new URL("..", import.meta.url);
const PAGE = new URL("message-formats.md", import.meta.url);
const HEAD = `# Message formats

What lies in the log, topic by topic, generated from the shapes in \`core/\` by \`node docs/write-message-formats.ts\`.

Every topic has the same number of partitions. The key of a record is \`tenant/device\`, and decides its partition as Kafka's default
partitioner does (murmur2); a control record that concerns a whole partition has none. Timestamps are receive times, UTC ms: a derived
record has that of its input, a correction that of its replay. An id matches \`[A-Za-z0-9_.:-]{1,128}\`; all times are UTC ms; 64-bit integers travel as strings. Values on
derived topics are JSON with a version \`v\`; they evolve by adding optional fields only, and readers pass over fields that they do not
know.
`;
const TELEMETRY = `Messages as devices sent them: the value is the payload, byte for byte, and \`format\` says what it holds. Headers: \`${[
  HEADER.mqttTopic,
  HEADER.qos,
  HEADER.dup,
  HEADER.packetId,
  HEADER.clientId,
  HEADER.principal,
  HEADER.format,
  HEADER.admissionId,
  HEADER.refused,
  HEADER.forwarded,
].join("`, `")}\`. Among them lie control records, which have the header \`${HEADER.controlKind}\` alone.`;
const DERIVED = `What a stage made of its input. Headers: \`${HEADER.source}\`, \`${HEADER.functionVersion}\`. What a replay has corrected lies in \`readings\` and \`aggregates\` too, made by
the stage \`replay\`, windows of \`aggregate\` by \`replay-main\`: a reading with a \`${HEADER.replaces}\` header stands for the record whose position that is, one without for nothing before it.`;
const CONTROL = `Whatever besides messages may change a stage's result. They lie in the partitions of \`telemetry\` that they concern. Readers of
messages skip what has the header \`${HEADER.controlKind}\`.`;

/** The schema of each derived topic, its name in the source, and its fixture. */
const DERIVED_TOPICS: Readonly<Record<OutputTopic, readonly [schema: z.ZodType, name: string, fixture: string]>> = {
  readings: [derived.readingSchema, "readingSchema", "reading"],
  aggregates: [derived.aggregateSchema, "aggregateSchema", "aggregate"],
  alarms: [derived.alarmEventSchema, "alarmEventSchema", "alarm-event"],
  quarantine: [derived.quarantinedSchema, "quarantinedSchema", "quarantined"],
  "dead-letters": [derived.deadLetterSchema, "deadLetterSchema", "dead-letter"],
  "device-events": [derived.deviceEventSchema, "deviceEventSchema", "device-event"],
  repartition: [derived.repartitionedSchema, "repartitionedSchema", "repartitioned"],
};

/** What lies on Kafka besides the topics above. */
function kafkaSection(): string {
  const { kind, epoch, number, positions, nextTimer, complete } = JOURNAL_HEADER;
  return `
## On Kafka

Topics have the prefix of the installation, \`millrace.\` unless it is set otherwise: \`millrace.telemetry\`, \`millrace.readings\` and so on.
Batches are plain record batches (v2) without compression. After a crash a reader may see a derived record twice; the position in its
\`${HEADER.source}\` header tells: keep the greatest per stage, topic and partition, and drop what is not above it.

- \`millrace.journal.stage.main\` and the like: state journals. Headers: \`${kind}\` (\`claim\`, \`unit\`, \`snapshot\`, \`verdict\`), \`${epoch}\`
  (offset of the owner's claim), \`${number}\` (counts the entries of an epoch), \`${positions}\` (\`[[topic, partition, offset], …]\` after the entry),
  \`${nextTimer}\` (next receive time at which a timer is due), \`${complete}\` (1 on a snapshot's last part). Values are the consumer's own.
- \`millrace.installation\`: whose topics these are, in the first record: \`{"v":1,"id":…,"partitions":…,"generation":…}\`; of an installation that moved here also
  \`continues\`, its first generation, and a second record \`{"v":1,"moved":true}\` when all of it is there.
- Consumer groups \`millrace.stage.main\`, \`millrace.stage.functions\`, \`millrace.sink.clickhouse\`, \`millrace.sink.notify\`: committed offsets, without members, for lag. With
  each offset its metadata: \`{"journal":…,"partition":…,"epoch":…,"nextTimer":…}\`, of stages also
  \`"work":{"worker":…,"busySeconds":…,"threads":…}\`: how long the thread has worked since it began, and how many its process has.

\`\`\`sh
kcat -b localhost:9092 -t millrace.readings -C -o beginning -e -f '%k %h %s\\n'
kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic millrace.alarms --from-beginning --formatter-property print.headers=true
kafka-consumer-groups.sh --bootstrap-server localhost:9092 --describe --group millrace.stage.main
\`\`\`
`;
}

export function messageFormatsPage(): string {
  const topics = Object.entries(DERIVED_TOPICS).map(([topic, parts]) => derivedSection(topic, ...parts));
  return [
    HEAD,
    "\n## Headers\n\nNames and values are text. They are short, because every record carries them.\n\n",
    headerTable(),
    `\n## \`telemetry\`\n\n${TELEMETRY}\n`,
    `\n## Derived topics\n\n${DERIVED}\n`,
    ...topics,
    "\n## `commands`\n\nReserved: nobody writes or reads it yet.\n",
    `\n## Control records\n\n${CONTROL}\n`,
    ...controlSections(),
    kafkaSection(),
  ].join("");
}

function headerTable(): string {
  const comments = fieldComments(sourceText("core/record.ts"));
  const rows = Object.entries(HEADER).map(([name, header]) => [`\`${header}\``, comments.get(name) ?? ""]);
  return pageTable([["header", "meaning"], ...rows]);
}

function derivedSection(topic: string, schema: z.ZodType, name: string, fixture: string): string {
  const source = sourceText("core/derived-records.ts");
  const start = source.indexOf(`export const ${name} =`);
  const block = source.slice(start, source.indexOf("\n});", start));
  const shared = fieldComments(source.slice(0, source.indexOf("export type Reading")));
  const meaning = commentBefore(source, start).replace(/^`[\w-]+`: /, "");
  const table = fieldTable(schema, new Map([...shared, ...fieldComments(block)]));
  return `\n### \`${topic}\`\n\n${sentence(meaning)}\n\n${table}\n${example("derived-records", fixture)}`;
}

function controlSections(): string[] {
  const meanings = controlMeanings();
  const sources = ["core/alarm-rule.ts", "core/device-type.ts"].map(sourceText);
  const comments = new Map(sources.flatMap((source) => [...fieldComments(source)]));
  return controlSchema.options.map((option) => {
    const kind = option.shape.kind.value;
    const meaning = sentence(meanings.get(kind) ?? "");
    return `\n### \`${kind}\`\n\n${meaning}\n\n${fieldTable(option, comments)}\n${example("control-records", kind)}`;
  });
}

/** From the list in the comment of core/control.ts, with what is said above the reserved ones. */
function controlMeanings(): ReadonlyMap<string, string> {
  const source = sourceText("core/control.ts");
  const meanings = new Map<string, string>();
  let isReserved = false;
  for (const part of source.slice(0, source.indexOf("*/")).split("\n * - ")) {
    const [, kinds = "", text = ""] = /^(`[^:]+): ([\s\S]+?)(?:\n \*(?:\n|$)|\n? ?$)/.exec(part) ?? [];
    const reserved = isReserved ? "Reserved, and written by nobody yet: " : "";
    for (const [, kind = ""] of kinds.matchAll(/`([\w-]+)`/g)) meanings.set(kind, reserved + unwrapped(text));
    isReserved ||= part.includes("\n * Reserved");
  }
  return meanings;
}

function fieldTable(schema: z.ZodType, comments: ReadonlyMap<string, string>): string {
  return pageTable([["field", "type", "meaning"], ...schemaRows(schema, comments)]);
}

function example(folder: string, name: string): string {
  return `\`\`\`json\n${sourceText(`test/fixtures/${folder}/${name}.v1.json`)}\`\`\`\n`;
}

/** The comment above each field of an object, by the field's name. */
function fieldComments(source: string): ReadonlyMap<string, string> {
  const found = source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n +(\w+):/g);
  return new Map(Array.from(found, ([, comment = "", name = ""]) => [name, unwrapped(comment)]));
}

function commentBefore(source: string, position: number): string {
  const start = source.lastIndexOf("/**", position);
  return unwrapped(source.slice(start + "/**".length, source.indexOf("*/", start)));
}

function unwrapped(comment: string): string {
  return comment.replaceAll(/\s*\n \s*\* ?/g, " ").trim();
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function sourceText(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

if (import.meta.main) writeFileSync(PAGE, messageFormatsPage());
