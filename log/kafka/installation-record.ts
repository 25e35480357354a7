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
});
export type Installation = Omit<z.infer<typeof installationSchema>, "v">;

export interface InstallationPlace {
  end(): Promise<number>;
  append(record: RecordInput): Promise<number>;
  read(from: number, to: number): AsyncIterable<WalkedBatch>;
}

/**
 * Writes down whose the log is, if nobody has, and returns what stands there: of several who try at once the first counts.
 * CONFIG_INVALID when the log is another installation's.
 */
export async function establishInstallation(
  place: InstallationPlace,
  own: Installation,
  { prefix, now }: { readonly prefix: string; readonly now: number },
): Promise<Installation & { readonly isNew: boolean }> {
  const isNew = (await place.end()) === 0;
  if (isNew) {
    const value = new TextEncoder().encode(JSON.stringify({ v: 1, ...own }));
    await place.append({ timestamp: now, key: null, value, headers: [] });
  }
  const stored = await first(place);
  if (stored.id !== own.id) {
    const text = `the Kafka topics with the prefix "${prefix}" belong to another installation (${stored.id}, this one is ${own.id})`;
    throw new MillraceError("CONFIG_INVALID", text, {
      remedy: "Set MILLRACE_KAFKA_PREFIX to another name, or use the registry that goes with these topics.",
    });
  }
  return { ...stored, isNew };
}

async function first(place: InstallationPlace): Promise<Installation> {
  for await (const { records } of place.read(0, 1)) {
    const [record] = records ?? [];
    const parsed = installationSchema.safeParse(parseJson(record?.value ?? new Uint8Array(0)));
    if (parsed.success) return parsed.data;
  }
  throw new MillraceError(
    "DATA_FORMAT_UNSUPPORTED",
    "the topic installation does not begin with what a Millrace writes",
  );
}
