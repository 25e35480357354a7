import { z } from "zod";
import { MillraceError } from "../../core/errors.ts";
import { parseJson } from "../../core/parse-json.ts";
import type { RecordInput } from "../../core/record.ts";
import type { WalkedBatch } from "../../wire/record-batch-walk.ts";

/** The first record of the topic `installation`: whose the topics are. */
const installationSchema = z.object({
  v: z.literal(1),
  /** Of the registry. */
  id: z.string(),
  partitions: z.int(),
  /** Of the source positions of what is made from this log. */
  generation: z.int(),
  /** Of the log that moved here: what was made of it carries this one or a later one. Absent where none has. */
  continues: z.int().exactOptional(),
});
/** Behind the record of a log that has moved here, when all of it is there. */
const movedSchema = z.object({ v: z.literal(1), moved: z.literal(true) });

export type Installation = Omit<z.infer<typeof installationSchema>, "v">;

export interface InstallationPlace {
  end(): Promise<number>;
  append(record: RecordInput): Promise<number>;
  read(from: number, to: number): AsyncIterable<WalkedBatch>;
}

/**
 * Writes down whose the log is, if nobody has, and returns what stands there: of several who try at once the first counts.
 * CONFIG_INVALID when the log is another installation's; when one is moving here and not all of it is there, unless `own` is that one;
 * and when `own` is to move here and there is a log already.
 */
export async function establishInstallation(
  place: InstallationPlace,
  own: Installation,
  { prefix, now }: { readonly prefix: string; readonly now: number },
): Promise<Installation & { readonly isNew: boolean }> {
  const isNew = (await place.end()) === 0;
  if (isNew) await place.append(recordOf({ v: 1, ...own }, now));
  const { stored, isMoved } = await readRecords(place);
  if (stored.id !== own.id) {
    const text = `the Kafka topics with the prefix "${prefix}" belong to another installation (${stored.id}, this one is ${own.id})`;
    throw new MillraceError("CONFIG_INVALID", text, {
      remedy: "Set MILLRACE_KAFKA_PREFIX to another name, or use the registry that goes with these topics.",
    });
  }
  if (stored.partitions !== own.partitions) throw ofOtherPartitions(stored, own);
  const isMoving = stored.continues !== undefined && !isMoved;
  if (own.continues === undefined && isMoving) throw notAllThere(prefix);
  if (own.continues !== undefined && !isMoving) throw inUse(prefix);
  return { ...stored, isNew };
}

/** Writes down that all of the log that moved here is there. */
export async function completeMove(place: Pick<InstallationPlace, "append">, now: number): Promise<void> {
  await place.append(recordOf({ v: 1, moved: true }, now));
}

function recordOf(value: object, timestamp: number): RecordInput {
  return { timestamp, key: null, value: new TextEncoder().encode(JSON.stringify(value)), headers: [] };
}

async function readRecords(place: InstallationPlace): Promise<{ stored: Installation; isMoved: boolean }> {
  let stored: Installation | null = null;
  let isMoved = false;
  for await (const { records } of place.read(0, await place.end())) {
    for (const { offset, value } of records ?? []) {
      const json = parseJson(value);
      if (offset === 0) stored = installationSchema.safeParse(json).data ?? null;
      isMoved ||= movedSchema.safeParse(json).success;
    }
  }
  if (stored !== null) return { stored, isMoved };
  throw new MillraceError(
    "DATA_FORMAT_UNSUPPORTED",
    "the topic installation does not begin with what a Millrace writes",
  );
}

function ofOtherPartitions({ partitions }: Installation, own: Installation): MillraceError {
  const text = `the log on Kafka has ${partitions} partitions, but ${own.partitions} are configured`;
  return new MillraceError("CONFIG_INVALID", text, {
    remedy: `Set MILLRACE_PARTITIONS=${partitions}: the number is fixed for the life of an installation.`,
  });
}

function notAllThere(prefix: string): MillraceError {
  const text = `an installation is moving to the Kafka topics with the prefix "${prefix}", and not all of it is there yet`;
  return new MillraceError("CONFIG_INVALID", text, {
    remedy: "Run `millrace migrate --to cluster` again where it was begun: it goes on where it stopped.",
  });
}

function inUse(prefix: string): MillraceError {
  const text = `the Kafka topics with the prefix "${prefix}" hold this installation's log already`;
  return new MillraceError("CONFIG_INVALID", text, {
    remedy: "Start Millrace on them, or set MILLRACE_KAFKA_PREFIX to a name without topics to move there.",
  });
}
