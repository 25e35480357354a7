import { writeFileSync } from "node:fs";
import { MillraceError, errorText, isMillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { readInputFile } from "./input-file.ts";
import { EXIT, createProgress } from "./output.ts";
import { newDeviceToken } from "./register-devices.ts";
import type { ApplySummary, ImportedDevice } from "../../core/registry.ts";
import type { ApiClient } from "./api-client.ts";

const NAMED = 10;

export interface ImportOptions {
  readonly json: boolean;
  /** Where tokens go that are made for rows without one. */
  readonly tokensTo?: string;
}

/** `millrace devices import FILE`: devices from a CSV file, with the tokens that it has, or with new ones. */
export async function importDevices(
  api: ApiClient,
  file: string,
  parse: (text: string) => readonly ImportedDevice[],
  { json, tokensTo }: ImportOptions,
): Promise<number> {
  const listed = readInputFile(file, parse);
  // Who publishes through a gateway needs no token, but may have one.
  const needsToken = ({ token, via }: ImportedDevice) =>
    token === undefined && (tokensTo !== undefined || typeof via !== "string");
  const without = listed.filter(needsToken).map(({ id }) => id);
  const devices = tokensTo === undefined ? listed : withTokens(listed, tokensTo);
  const counts = await sendAll(api, devices, (error, imported) =>
    halfWay(error, { imported, all: devices.length, file, tokensTo }),
  );
  if (json) {
    console.log(
      JSON.stringify({ imported: devices.length, ...counts, ...(tokensTo === undefined ? { without } : {}) }),
    );
    return EXIT.ok;
  }
  console.log(`${counts.created} created, ${counts.changed} changed, ${counts.unchanged} unchanged.`);
  if (without.length === 0) return EXIT.ok;
  console.log(
    tokensTo === undefined
      ? `No token in the file for ${named(without)}. One that has none yet cannot connect: give it one with millrace devices rotate ID, or import with --tokens-to FILE.`
      : `${without.length} new ${without.length === 1 ? "token is" : "tokens are"} in ${tokensTo}.`,
  );
  return EXIT.ok;
}

async function sendAll(
  api: ApiClient,
  devices: readonly ImportedDevice[],
  failed: (error: unknown, imported: number) => unknown,
): Promise<ApplySummary> {
  const progress = createProgress("Importing", devices.length);
  // A device's gateway has to be there: in an earlier part, or in its own.
  const ordered = devices.toSorted((a, b) => Number(b.gateway === true) - Number(a.gateway === true));
  let [created, changed, unchanged] = [0, 0, 0];
  for (let start = 0; start < ordered.length; start += LIMITS.pageSizeMax) {
    const chunk = ordered.slice(start, start + LIMITS.pageSizeMax);
    const summary = await api
      .send<ApplySummary>("POST", "/devices/import", { devices: chunk })
      .catch((error: unknown) => {
        throw failed(error, start);
      });
    created += summary.created;
    changed += summary.changed;
    unchanged += summary.unchanged;
    progress.update(start + chunk.length);
  }
  progress.end();
  return { created, changed, unchanged };
}

interface HalfWay {
  readonly imported: number;
  readonly all: number;
  readonly file: string;
  readonly tokensTo: string | undefined;
}

/** Who is not told how far it came runs the same line again, which makes second tokens. */
function halfWay(error: unknown, { imported, all, file, tokensTo }: HalfWay): unknown {
  if (!isMillraceError(error) || (imported === 0 && tokensTo === undefined)) return error;
  const goOn =
    tokensTo === undefined
      ? `To go on, import ${file} again: what is there stays as it is.`
      : `To go on, import ${file} again without --tokens-to, and behind it ${tokensTo}, which has the tokens: what is there stays as it is, and no device gets a second token.`;
  return new MillraceError(error.code, `after ${imported} of ${all} devices the import has ended: ${error.message}`, {
    cause: error,
    remedy: error.remedy === undefined ? goOn : `${error.remedy} ${goOn}`,
  });
}

/** Written before any is valid: a token that nobody has is worth nothing. INVALID_INPUT when the file is there or cannot be made. */
function withTokens(devices: readonly ImportedDevice[], tokensTo: string): readonly ImportedDevice[] {
  const made = devices.map((device) => (device.token === undefined ? { ...device, token: newDeviceToken() } : device));
  const rows = made
    .filter((_, index) => devices[index]?.token === undefined)
    .map(({ id, token }) => `${id},${token}\n`);
  try {
    writeFileSync(tokensTo, `id,token\n${rows.join("")}`, { mode: 0o600, flag: "wx" });
  } catch (cause) {
    throw new MillraceError("INVALID_INPUT", `${tokensTo} cannot be made: ${errorText(cause)}`, {
      cause,
      remedy: "Name a file that is not there yet.",
    });
  }
  return made;
}

function named(ids: readonly string[]): string {
  const more = ids.length - NAMED;
  return ids.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
