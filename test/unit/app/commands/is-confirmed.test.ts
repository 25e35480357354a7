import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { removeDevice } from "../../../../app/commands/devices.ts";
import { undeployCommand } from "../../../../app/commands/functions.ts";
import { isConfirmed } from "../../../../app/commands/is-confirmed.ts";
import type { ApiClient } from "../../../../app/commands/api-client.ts";
import type { AskingOptions } from "../../../../app/commands/is-confirmed.ts";

/** A terminal at which somebody types this; null: and goes away without an answer. */
function terminal(typed: string | null) {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = new PassThrough();
  if (typed === null) input.end();
  else input.write(`${typed}\n`);
  return { input, output };
}

const ASKED = { what: "remove device boiler-1", question: "Remove device boiler-1?" };

describe("a command that erases", () => {
  it.each(["y", "Y", "yes", " yes "])("goes on after %o", async (typed) => {
    expect(await isConfirmed(ASKED, terminal(typed))).toBe(true);
  });

  it.each(["", "n", "no", "yesterday", null])("does nothing after %o", async (typed) => {
    expect(await isConfirmed(ASKED, terminal(typed))).toBe(false);
  });

  it("says what it asks, and what Enter does", async () => {
    const { input, output } = terminal("");
    await isConfirmed(ASKED, { input, output });
    expect(String(output.read())).toContain("Remove device boiler-1? [y/N] ");
  });

  it("refuses where nobody can be asked", async () => {
    const input = new PassThrough();
    await expect(isConfirmed(ASKED, { input, output: new PassThrough() })).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: "nobody is there to be asked whether to remove device boiler-1",
      remedy: "Add --yes.",
    });
  });
});

describe.each([
  {
    name: "devices remove",
    run: (api: ApiClient, options: AskingOptions) => removeDevice(api, "boiler-1", { json: true, ...options }),
    asks: /^Remove device boiler-1 .*credentials, state, alarms and stored readings\? Its messages stay .* \[y\/N\] $/,
    request: "DELETE /devices/boiler-1",
  },
  {
    name: "undeploy",
    run: (api: ApiClient, options: AskingOptions) => undeployCommand(api, "dew-point", { json: true, ...options }),
    asks: /^Stop dew-point and erase what it keeps.*\? Its versions and what it has made stay\. \[y\/N\] $/,
    request: "DELETE /functions/dew-point",
  },
])("$name", ({ run, asks, request }) => {
  it("says what goes and what stays, and does nothing without a yes", async () => {
    const { api, requests } = recordingApi();
    const no = terminal("n");
    expect(await run(api, { yes: false, terminal: no })).toBe(0);
    expect(requests).toEqual([]);
    expect(String(no.output.read())).toMatch(asks);
    expect(await run(api, { yes: false, terminal: terminal("y") })).toBe(0);
    expect(requests).toEqual([request]);
  });

  it("asks nothing with --yes, and refuses without it where there is no terminal", async () => {
    const { api, requests } = recordingApi();
    const nobody = { input: new PassThrough(), output: new PassThrough() };
    await expect(run(api, { yes: false, terminal: nobody })).rejects.toMatchObject({ remedy: "Add --yes." });
    expect(requests).toEqual([]);
    expect(await run(api, { yes: true, terminal: nobody })).toBe(0);
    expect(requests).toEqual([request]);
  });
});

function recordingApi() {
  const requests: string[] = [];
  const fail = (): never => {
    throw new Error("not asked for");
  };
  const api: ApiClient = {
    url: "",
    get: fail,
    send: (method, path) => {
      requests.push(`${method} ${path}`);
      return Promise.resolve(JSON.parse("null"));
    },
    openLive: fail,
    mqttUrl: fail,
  };
  return { api, requests };
}
