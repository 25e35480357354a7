import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ApiClient } from "../../../../app/commands/api-client.ts";
import { importDevices, type ImportOptions } from "../../../../app/commands/import-devices.ts";
import { MillraceError } from "../../../../core/errors.ts";
import { LIMITS } from "../../../../core/limits.ts";
import { parseDeviceImport } from "../../../../registry/device-import.ts";
import { temporaryDirectory } from "../../../support/instance.ts";

const COUNT = LIMITS.pageSizeMax * 2 + 1;

/** Imports `COUNT` devices into an API that takes so many parts of them, and then is gone. */
async function importInto(parts: number, options: (directory: string) => Partial<ImportOptions> = () => ({})) {
  const directory = temporaryDirectory();
  const file = join(directory.path, "devices.csv");
  writeFileSync(file, `id\n${Array.from({ length: COUNT }, (_, at) => `d${at}\n`).join("")}`);
  let taken = 0;
  const send = () =>
    taken++ < parts
      ? Promise.resolve({ created: 1, changed: 0, unchanged: 0 })
      : Promise.reject(new MillraceError("NOT_RUNNING", "nothing answers", { remedy: "Start it." }));
  const api = { send } as unknown as ApiClient;
  const parse = (text: string) => parseDeviceImport(text, "default");
  const given = { json: true, ...options(directory.path) };
  const failure = await importDevices(api, file, parse, given).then(
    () => null,
    (error: unknown) => error,
  );
  const tokens = given.tokensTo !== undefined && existsSync(given.tokensTo) ? readFileSync(given.tokensTo, "utf8") : "";
  directory.dispose();
  return { failure, file, tokens, tokensTo: given.tokensTo ?? "" };
}

test("an import that ends half way says how far it came and how to go on", async () => {
  const { failure, file } = await importInto(1);
  expect(failure).toMatchObject({
    code: "NOT_RUNNING",
    message: `after ${LIMITS.pageSizeMax} of ${COUNT} devices the import has ended: nothing answers`,
    remedy: `Start it. To go on, import ${file} again: what is there stays as it is.`,
  });
});

test("with tokens that are made it says where they are, so that nobody makes second ones", async () => {
  const tokensIn = (directory: string) => ({ tokensTo: join(directory, "tokens.csv") });
  for (const parts of [0, 2]) {
    const { failure, file, tokens, tokensTo } = await importInto(parts, tokensIn);
    expect(tokens.split("\n")).toHaveLength(COUNT + 2);
    expect(failure).toMatchObject({
      message: `after ${LIMITS.pageSizeMax * parts} of ${COUNT} devices the import has ended: nothing answers`,
      remedy: `Start it. To go on, import ${file} again without --tokens-to, and behind it ${tokensTo}, which has the tokens: what is there stays as it is, and no device gets a second token.`,
    });
  }
});

test("one that has not begun fails as the API does", async () => {
  const { failure } = await importInto(0);
  expect(failure).toMatchObject({ message: "nothing answers", remedy: "Start it." });
});
