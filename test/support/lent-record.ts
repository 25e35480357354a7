import type { LogRecord } from "../../core/record.ts";

/** A record whose bytes are somebody else's: they are written over when they are given back, as the log does with those of a poll. */
export interface LentRecord extends LogRecord {
  giveBack(): void;
}

export function lend(record: LogRecord): LentRecord {
  const value = Uint8Array.from(record.value);
  let isBack = false;
  const whileLent = <T>(read: () => T): T => {
    if (isBack) throw new Error(`the headers of record ${record.offset} are read when its bytes are others`);
    return read();
  };
  return {
    offset: record.offset,
    timestamp: record.timestamp,
    key: record.key,
    value,
    header: (name) => whileLent(() => record.header(name)),
    headers: () => whileLent(() => record.headers()),
    giveBack() {
      isBack = true;
      value.fill(0xff);
    },
  };
}
