import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { describe, expect, test } from "vitest";
import { KNOWN_MAPPINGS } from "../../device-sim/csv/known-mappings.ts";
import { openCsvSource } from "../../device-sim/csv-source.ts";

const root = process.env["MILLRACE_TEST_DATA"] ?? join(import.meta.dirname, "../../../shared/data");
const campusiot = join(root, "campusiot/lorawan_frames.csv.gz");
const beijing = join(root, "beijing-air/stations.csv.gz");

describe.skipIf(!existsSync(campusiot))("CampusIoT frames (needs MILLRACE_TEST_DATA)", () => {
  test("38,416 frames of five devices, in order of arrival, with the decoder's fields", async () => {
    const { messages, devices, values, backwards } = await survey("campusiot", campusiot);
    expect(messages).toBe(38_416);
    expect([...devices.keys()].toSorted()).toEqual([
      "0018B20000020CA0",
      "0018B20000020CAC",
      "0018B20000020CBC",
      "33323431007C727B",
      "A81758FFFE04B1C1",
    ]);
    expect(devices.get("A81758FFFE04B1C1")).toBe(8110);
    expect(devices.get("33323431007C727B")).toBe(13_352);
    // 86 IMST frames, 1 of FTD and 2 of EMS carry no temperature.
    expect(values.get("temperature")).toBe(38_416 - 86 - 1 - 2);
    expect(backwards).toBe(0);
  });
});

describe.skipIf(!existsSync(beijing))("Beijing stations (needs MILLRACE_TEST_DATA)", () => {
  test("420,768 hours of twelve stations, and exactly as many missing values as cells that say NA", async () => {
    const { messages, devices, values, firstTs, lastTs } = await survey("beijing-air", beijing);
    expect(messages).toBe(420_768);
    expect([...devices.values()]).toEqual(Array.from({ length: 12 }, () => 35_064));
    expect(firstTs).toBe(Date.UTC(2013, 1, 28, 16));
    expect(lastTs).toBe(Date.UTC(2017, 1, 28, 15));
    const produced = [...values.values()].reduce((sum, count) => sum + count, 0);
    expect(420_768 * 12 - produced).toBe(await countCells(beijing, "NA"));
  }, 60_000);
});

async function survey(name: string, path: string) {
  const mapping = KNOWN_MAPPINGS[name];
  if (mapping === undefined) throw new Error(`no mapping ${name}`);
  const devices = new Map<string, number>();
  const values = new Map<string, number>();
  let messages = 0;
  let backwards = 0;
  let sentBefore = -Infinity;
  let firstTs = 0;
  let lastTs = 0;
  for await (const { deviceId, ts: sentAt, payload } of openCsvSource({ path, mapping }).messages()) {
    const body = JSON.parse(payload.toString());
    if (messages++ === 0) firstTs = body.ts;
    lastTs = body.ts;
    if (sentAt < sentBefore) backwards++;
    sentBefore = sentAt;
    devices.set(deviceId, (devices.get(deviceId) ?? 0) + 1);
    for (const metric of Object.keys(body.values)) values.set(metric, (values.get(metric) ?? 0) + 1);
  }
  return { messages, devices, values, backwards, firstTs, lastTs };
}

/** In another style than the code under test: lines split at commas. */
async function countCells(path: string, text: string): Promise<number> {
  let count = 0;
  for await (const line of createInterface(createReadStream(path).pipe(createGunzip()))) {
    for (const cell of line.split(",")) if (cell === text) count++;
  }
  return count;
}
