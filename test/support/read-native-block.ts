interface ReadColumn {
  readonly type: string;
  readonly values: readonly (string | number)[];
}

export interface ReadBlock {
  readonly rows: number;
  /** In their order. */
  readonly columns: ReadonlyMap<string, ReadColumn>;
}

const READERS: readonly (readonly [type: RegExp, bytes: number, read: (buffer: Buffer, at: number) => number])[] = [
  [/^(?:Enum8\(.*\)|UInt8)$/, 1, (buffer, at) => buffer.readUInt8(at)],
  [/^UInt16$/, 2, (buffer, at) => buffer.readUInt16LE(at)],
  [/^UInt32$/, 4, (buffer, at) => buffer.readUInt32LE(at)],
  [/^(?:UInt64|Int64|DateTime64\(.*\))$/, 8, (buffer, at) => Number(buffer.readBigInt64LE(at))],
  [/^Float64$/, 8, (buffer, at) => buffer.readDoubleLE(at)],
];

/** One block of ClickHouse's format Native, read without the code that writes it. Throws where the bytes are none. */
export function readNativeBlock(bytes: Uint8Array): ReadBlock {
  const buffer = Buffer.from(bytes);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = buffer.readUInt8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const text = (): string => {
    const length = varint();
    at += length;
    return buffer.toString("utf8", at - length, at);
  };
  const number = (type: string): number => {
    const [, width = 0, read] = READERS.find(([of]) => of.test(type)) ?? [];
    if (read === undefined) throw new Error(`a column of type ${type}`);
    at += width;
    return read(buffer, at - width);
  };
  const list = <T>(count: number, one: () => T): T[] => Array.from({ length: count }, one);
  const [width, rows] = [varint(), varint()];
  const columns = list(width, (): readonly [string, ReadColumn] => {
    const [name, type] = [text(), text()];
    if (type === "String") return [name, { type, values: list(rows, text) }];
    if (type !== "LowCardinality(String)") return [name, { type, values: list(rows, () => number(type)) }];
    if (number("UInt64") !== 1) throw new Error(`dictionaries of ${name} are another version's`);
    const kind = number("UInt64");
    const keys = list(number("UInt64"), text);
    if (number("UInt64") !== rows || kind >> 8 !== 6) throw new Error(`${name} has no dictionary of its own`);
    const values = list(rows, () => keys[number(["UInt8", "UInt16", "UInt32"][kind & 255] ?? "")] ?? "");
    return [name, { type, values }];
  });
  if (at !== buffer.length) throw new Error(`${buffer.length - at} bytes behind the block`);
  return { rows, columns: new Map(columns) };
}
