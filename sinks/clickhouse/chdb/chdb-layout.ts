import { join } from "node:path";

/** The folder of the embedded ClickHouse. Deleting it while Millrace is stopped is allowed: the tables fill again from the log. */
export interface ChdbLayout {
  readonly root: string;
  /** chdb's own data; it locks `database/status` while a process has it open. */
  readonly database: string;
  /** Insert bodies on their way in; emptied at start. */
  readonly inserts: string;
  /** Who has the database open: see server-pid.ts. */
  readonly pidFile: string;
}

export function chdbLayout(root: string): ChdbLayout {
  return {
    root,
    database: join(root, "database"),
    inserts: join(root, "inserts"),
    pidFile: join(root, "server.pid"),
  };
}
