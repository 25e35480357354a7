/** Exit codes of every command; README lists them. */
/** `defect`: of Millrace itself, which says where (EX_SOFTWARE of sysexits.h). */
export const EXIT = { ok: 0, failed: 1, usage: 2, unbalanced: 3, defect: 70 } as const;

/** A table with a header, columns as wide as their widest cell. Numbers are set to the right. */
export function formatTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows.map((row) => row.map(String))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const isNumber = header.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number"));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (isNumber[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return cells.map(line).join("\n");
}

/** `1 device`, `2 devices`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

export interface Progress {
  update(done: number, note?: string): void;
  end(): void;
}

/** A progress bar on a terminal; nothing anywhere else. `total` 0 shows a count without a bar. */
export function createProgress(label: string, total: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { update: () => undefined, end: () => undefined };
  const startedAt = Date.now();
  let drawnAt = 0;
  const draw = (done: number, note: string): void => {
    const rate = Math.round(done / Math.max(0.001, (Date.now() - startedAt) / 1000));
    const share = total === 0 ? 0 : Math.min(1, done / total);
    const bar =
      total === 0 ? "" : ` [${"█".repeat(Math.round(share * 24)).padEnd(24, "·")}] ${Math.round(share * 100)} %`;
    stream.write(
      `\r\u001b[K${label}${bar}  ${done.toLocaleString("en")}${total === 0 ? "" : ` of ${total.toLocaleString("en")}`}  ${rate.toLocaleString("en")}/s ${note}`,
    );
  };
  return {
    update(done, note = "") {
      if (Date.now() - drawnAt < 100) return;
      drawnAt = Date.now();
      draw(done, note);
    },
    end: () => void stream.write("\r\u001b[K"),
  };
}
