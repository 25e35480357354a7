import { PassThrough } from "node:stream";
import { expect, test, vi } from "vitest";
import { checkRoles } from "../../../app/check-roles.ts";
import { readConfig } from "../../../app/config.ts";
import { BEGIN, untilTold } from "../../../app/standby.ts";

const never = (): AbortSignal => new AbortController().signal;

test("who stands by begins with the line, and reads no more then", async () => {
  const input = new PassThrough();
  const told = untilTold(input, never());
  input.write(`${BEGIN}\n`);
  expect(await told).toBe(true);
  expect(input.destroyed).toBe(true);
});

test("a line that says something else is ignored, and said to be", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const input = new PassThrough();
  const told = untilTold(input, never());
  input.write("start\n");
  input.write(`${BEGIN}\n`);
  expect(await told).toBe(true);
  expect(said.mock.calls.flat().join()).toContain(`the line "${BEGIN}" only`);
  said.mockRestore();
});

test("it ends when nobody is left who could tell it to begin", async () => {
  const input = new PassThrough();
  const told = untilTold(input, never());
  input.end();
  expect(await told).toBe(false);
});

test("it ends when it is to end, before and while it waits", async () => {
  expect(await untilTold(new PassThrough(), AbortSignal.abort())).toBe(false);
  const ending = new AbortController();
  const told = untilTold(new PassThrough(), ending.signal);
  ending.abort();
  expect(await told).toBe(false);
});

test("only processors on Kafka stand by", () => {
  const stores = {
    kafkaBrokers: "127.0.0.1:9092",
    databaseUrl: "postgres://u:p@127.0.0.1:5432/m",
    installationSecret: "5e".repeat(32),
    clickhouse: false,
    standby: true,
  };
  const check = (flags: object): void => checkRoles(readConfig({ ...stores, ...flags }, {}, {}));
  expect(() => check({ role: "processors" })).not.toThrow();
  for (const role of ["all", "api", "gateway", "processors,api"])
    expect(() => check({ role })).toThrow(`role ${role} cannot stand by`);
  expect(() => check({ role: "processors", kafkaBrokers: undefined })).toThrow("cannot stand by");
});
