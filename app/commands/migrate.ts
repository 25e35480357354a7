import { MillraceError } from "../../core/errors.ts";
import { createLogger } from "../logging.ts";
import { isThere, moveInstallation, type MovedItem, type MoveReport } from "../move/move-installation.ts";
import { createProgress, EXIT, formatTable, type Progress } from "./output.ts";
import type { Config } from "../config.ts";

export interface MigrateOptions {
  readonly to: string;
  readonly json: boolean;
  readonly config: Config;
}

/** `millrace migrate --to cluster`. Exit code 1 when something there is not what it is here. */
export async function migrateCommand({ to, json, config }: MigrateOptions): Promise<number> {
  if (to !== "cluster") {
    throw new MillraceError("INVALID_INPUT", `there is no moving to ${JSON.stringify(to)}: only to cluster`);
  }
  const progress = new Steps();
  const logger = createLogger("warn", "migrate");
  let report: MoveReport;
  try {
    report = await moveInstallation({ config, logger, onProgress: (doing, done) => progress.show(doing, done) });
  } finally {
    progress.end();
  }
  const differing = report.items.filter((item) => !isThere(item));
  if (json) console.log(JSON.stringify({ ...report, differing: differing.length }));
  else console.log(textOf(report, differing.length, config));
  return differing.length === 0 ? EXIT.ok : EXIT.failed;
}

/** One progress line after the other. */
class Steps {
  private doing = "";
  private progress: Progress | null = null;

  show(doing: string, done: number): void {
    if (doing !== this.doing) {
      this.end();
      this.doing = doing;
      this.progress = createProgress(doing, 0);
    }
    this.progress?.update(done);
  }

  end(): void {
    this.progress?.end();
    this.progress = null;
  }
}

function textOf({ items, generation }: MoveReport, differing: number, config: Config): string {
  const rows = summed(items).map((item) => {
    const { where, what, here, there } = item;
    return [where, what, here, there, isThere(item) ? "equal" : "DIFFERENT"];
  });
  const table = formatTable(["", "what", "here", "there", ""], rows);
  if (differing > 0) {
    return `${table}\n\nNot everything is there, and nothing was taken away here. Run the same command again: it goes on where it stopped.`;
  }
  return [
    table,
    "",
    `The installation has moved; its generation was ${generation.before} and is ${generation.now}. ${config.data} is kept, and will not be started again.`,
    `Start the cluster's processes with these settings and with ${secretText(config)}.`,
  ].join("\n");
}

function secretText({ data, installationSecret }: Config): string {
  const file = `the text of ${data}/installation.secret`;
  return installationSecret === undefined
    ? `MILLRACE_INSTALLATION_SECRET, which is ${file}`
    : "the MILLRACE_INSTALLATION_SECRET that is set";
}

/** The journals of one consumer in one line. */
function summed(items: readonly MovedItem[]): MovedItem[] {
  const lines = new Map<string, MovedItem>();
  for (const item of items) {
    const what = item.where === "journals" ? item.what.replace(/\/\d+$/, "") : item.what;
    const line = lines.get(`${item.where} ${what}`);
    const { here = 0, there = 0, equal = true } = line ?? {};
    lines.set(`${item.where} ${what}`, {
      ...item,
      what,
      here: here + item.here,
      there: there + item.there,
      equal: equal && item.equal,
    });
  }
  return [...lines.values()];
}
