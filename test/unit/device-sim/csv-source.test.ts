import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../../core/limits.ts";
import { loadMapping } from "../../../device-sim/csv/load-mapping.ts";
import { parseMapText } from "../../../device-sim/csv/map-language.ts";
import { listDevices, openCsvSource } from "../../../device-sim/csv-source.ts";
import type { ReplayMessage } from "../../../device-sim/replay/replay.ts";

const mapping = parseMapText("device=device; ts=time; metric t=temperature; metric note");
const CSV = `\uFEFFdevice,time,temperature,note
pump,1000,21.5,"says ""hi"", twice"
room,2000,NA,

pump,3000,NA,cold
no good id,4000,1,
room,soon,1,
room,5000,-3,
`;
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-csv-"));
});
afterAll(() => rm(folder, { recursive: true }));

test.for([
  ["plain.csv", Buffer.from(CSV)],
  ["packed.csv.gz", gzipSync(CSV)],
] as const)("%s is read row by row, in order, and what makes no message is counted", async ([name, bytes]) => {
  const source = openCsvSource({ path: await save(name, bytes), mapping });
  const messages: ReplayMessage[] = [];
  for await (const message of source.messages()) messages.push(message);
  expect(messages.map(({ deviceId, ts, payload }) => [deviceId, ts, payload.toString()])).toEqual([
    ["pump", 1000, '{"ts":1000,"values":{"t":21.5,"note":"says \\"hi\\", twice"}}'],
    ["pump", 3000, '{"ts":3000,"values":{"note":"cold"}}'],
    ["room", 5000, '{"ts":5000,"values":{"t":-3}}'],
  ]);
  expect(source.counts()).toEqual({
    rows: 6,
    messages: 3,
    skipped: { device: 1, time: 1, json: 0, values: 1 },
    firstFault: { row: 4, what: "device" },
    bytesRead: bytes.length,
    bytesTotal: bytes.length,
  });
});

test("its devices are listed with their messages, and it can be read again", async () => {
  const source = openCsvSource({ path: await save("again.csv", Buffer.from(CSV)), mapping });
  const found = [
    { id: "pump", messages: 2 },
    { id: "room", messages: 1 },
  ];
  expect(await listDevices(source)).toEqual(found);
  expect(await listDevices(source)).toEqual(found);
});

test("a reader who leaves early leaves nothing open", async () => {
  const rows = Array.from({ length: 50_000 }, (_, index) => `pump,${index},1,\n`).join("");
  const source = openCsvSource({
    path: await save("long.csv", Buffer.from(`device,time,temperature,note\n${rows}`)),
    mapping,
  });
  for await (const message of source.messages()) if (message.ts === 10) break;
  expect(source.counts().rows).toBe(11);
});

test("a file that is not there is NOT_FOUND", async () => {
  const source = openCsvSource({ path: join(folder, "nowhere.csv"), mapping });
  await expect(listDevices(source)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test.for([
  ["lacks a column", "columns.csv", Buffer.from("device,time,note\n"), "temperature"],
  ["is empty", "empty.csv", Buffer.alloc(0), "empty"],
  ["is cut off", "cut.csv.gz", gzipSync(CSV.repeat(100)).subarray(0, 150), "cannot be read"],
  ["is no gzip", "fake.csv.gz", Buffer.from(CSV), "cannot be read"],
  [
    "never closes a quote",
    "quote.csv",
    Buffer.from('device,time,temperature,note\npump,1,2,"x'),
    "CSV_QUOTE_NOT_CLOSED",
  ],
  [
    "has a row above the ceiling",
    "row.csv",
    Buffer.from(`device,time,temperature,note\npump,1,2,${"x".repeat(LIMITS.csvRowBytesMax)}\n`),
    "CSV_MAX_RECORD_SIZE",
  ],
] as const)("a file that %s is refused with the reason", async ([, name, bytes, reason]) => {
  const source = openCsvSource({ path: await save(name, bytes), mapping });
  await expect(listDevices(source)).rejects.toMatchObject({
    code: "INVALID_INPUT",
    message: expect.stringContaining(reason),
  });
});

test("a mapping may stand in a YAML or JSON file, or be known by name", async () => {
  const yaml = await save(
    "map.yaml",
    Buffer.from("device: device\nts: {column: time}\nmetrics: {t: temperature, note: note}\n"),
  );
  const json = await save("map.json", Buffer.from(JSON.stringify(mapping)));
  expect(await loadMapping(yaml)).toEqual(mapping);
  expect(await loadMapping(json)).toEqual(mapping);
  expect((await loadMapping("campusiot")).device).toBe("dev_eui");
});

test.for([
  ["nowhere.yaml", "NOT_FOUND"],
  ["toString", "INVALID_INPUT"],
] as const)("the mapping %s is refused", async ([text, code]) => {
  await expect(loadMapping(text)).rejects.toMatchObject({ code });
});

async function save(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}
