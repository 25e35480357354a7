import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "../../test/support/instance.ts";
import { askChild, endChild } from "../ingest/ask-child.ts";
import type { HistoryMeasured } from "./growth-report.ts";
import type { HistoryFilled, HistoryQuestion, HistoryRound } from "./history-table.ts";

const PROGRAM = fileURLToPath(new URL("history-table.ts", import.meta.url));

/** Fills a database for each size, all at once, then measures them in turns: what else the machine does meets all sizes alike. */
export async function measureHistory(
  sizes: readonly number[],
  devices: number,
  rounds: number,
): Promise<HistoryMeasured["sizes"]> {
  const directories = sizes.map(() => temporaryDirectory());
  const children = sizes.map(() => fork(PROGRAM));
  try {
    const fill = async (child: ChildProcess, index: number) => {
      const size = sizes[index] ?? 0;
      const directory = directories[index]?.path ?? "";
      const filled = await ask<HistoryFilled>(child, { kind: "fill", directory, devices, rows: size });
      console.error(`${size} rows: filled: ${JSON.stringify(filled)}`);
      return { size, child, filled, rounds: [] as HistoryRound[] };
    };
    const tables = await Promise.all(children.map(fill));
    for (let round = 0; round <= rounds; round += 1) {
      for (const { size, child, rounds: done } of tables) {
        const measured = await ask<HistoryRound>(child, { kind: "round" });
        console.error(`round ${round}, ${size} rows: ${JSON.stringify(measured)}`);
        // The first one finds caches cold and merges of the fill under way.
        if (round > 0) done.push(measured);
      }
    }
    return tables.map(({ size, filled, rounds: done }) => ({ size, filled, rounds: done }));
  } finally {
    for (const child of children) await endChild(child);
    for (const directory of directories) directory.dispose();
  }
}

function ask<Answer>(child: ChildProcess, question: HistoryQuestion): Promise<Answer> {
  return askChild<Answer>(child, question);
}
