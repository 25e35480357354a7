import { z } from "zod";

/** Parent to child, over the IPC channel: nothing of it stands in argv or in the environment. */
export interface ChdbStart {
  readonly type: "start";
  readonly root: string;
  readonly password: string;
}

export interface ChdbStop {
  readonly type: "stop";
}

/** Child to parent. `failed`: the database could not be opened; the child ends. */
export const chdbReportSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("ready"), port: z.int().positive() }),
  z.object({ type: z.literal("failed"), reason: z.string() }),
]);
export type ChdbReport = z.infer<typeof chdbReportSchema>;

/** The user name under which the child serves. */
export const CHDB_USER = "millrace";
