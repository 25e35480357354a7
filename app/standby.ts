import { createInterface } from "node:readline";
import { MillraceError } from "../core/errors.ts";
import { flag } from "./flag.ts";
import { rolesOf } from "./roles.ts";
import type { Readable } from "node:stream";
import type { Config } from "./config.ts";

/** A setting of processes that wait: a part of those in config.ts. */
export const standbySettings = {
  standby: flag
    .default(false)
    .describe(
      "Load everything, connect to Kafka and wait: the process becomes a processor with the line `begin` on its standard input, and ends with that input (role processors alone, on Kafka). See autoscaling.md.",
    ),
};

/** The line that makes a processor of a process that stands by. */
export const BEGIN = "begin";

/** CONFIG_INVALID where nothing would be gained by waiting. */
export function checkStandby({ standby, role, kafkaBrokers }: Config): void {
  if (!standby) return;
  const roles = rolesOf(role);
  if (roles.size === 1 && roles.has("processors") && kafkaBrokers !== undefined) return;
  throw new MillraceError(
    "CONFIG_INVALID",
    `a process with role ${role} cannot stand by: only processors on Kafka can`,
    {
      remedy: "Start it with --role processors and --kafka-brokers, or without --standby.",
    },
  );
}

/** Resolves with true when it is told to begin, with false when nobody is left who could tell, or the signal aborts. */
export async function untilTold(input: Readable, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const lines = createInterface({ input });
  const end = (): void => resolve(false);
  lines.on("close", end);
  lines.on("line", (line) => {
    if (line.trim() === BEGIN) resolve(true);
    else console.error(`millrace: a process that stands by knows the line "${BEGIN}" only; another one is ignored`);
  });
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", end);
    lines.close();
    // It keeps nobody waiting from now on, and a processor works on whoever started it.
    input.destroy();
  }
}
