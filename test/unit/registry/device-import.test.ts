import { describe, expect, it } from "vitest";
import { isMillraceError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import { parseDeviceImport } from "../../../registry/device-import.ts";

function refusal(csv: string): string {
  try {
    parseDeviceImport(csv, "acme");
  } catch (error) {
    if (isMillraceError(error, "INVALID_INPUT")) return error.message;
    throw error;
  }
  throw new Error("the file was accepted");
}

describe("a device import file", () => {
  it("gives a device per line, without what its cells leave empty", () => {
    const csv = 'id,name,type,token,label.site,label.floor\r\na,"Well, deep",pump,A1_TEST_TOKEN,north,2\r\nb,,,,,\r\n';
    expect(parseDeviceImport(csv, "acme")).toEqual([
      {
        tenant: "acme",
        id: "a",
        name: "Well, deep",
        type: "pump",
        token: "A1_TEST_TOKEN",
        labels: { site: "north", floor: "2" },
      },
      { tenant: "acme", id: "b" },
    ]);
  });

  it("takes columns in any order, a byte order mark and blank lines", () => {
    expect(parseDeviceImport("\uFEFFname,id\n\nWell , a\n", "acme")).toEqual([
      { tenant: "acme", id: "a", name: "Well" },
    ]);
  });

  it("is empty when it has only its first line", () => {
    expect(parseDeviceImport("id", "acme")).toEqual([]);
  });

  it.each([
    ["", "the file is empty; its first line names the columns"],
    ["name\nx", 'line 1: a column "id" is missing'],
    ["id,id\na,b", 'line 1: column "id" is there twice'],
    [
      "id,tokne\na,secret-token",
      'line 1: column "tokne": unknown key; did you mean "token"? Allowed: id, name, type, token, via, gateway, provisions, label.<name>',
    ],
    ["id\nok\nnot ok", "line 3: id: must be 1–128 characters of A–Z a–z 0–9 _ . : -, and not . or .."],
    ["id,name\n,x", "line 2: id: must be 1–128 characters of A–Z a–z 0–9 _ . : -, and not . or .."],
    ["id\na\nb\na", 'line 4: device "a" is already on line 2'],
    ["id,token\na,short", "line 2: token: must be 8–256 visible ASCII characters"],
    ["id,label.a b\nx,1", "line 2: labels.a b: must be 1–128 characters of A–Z a–z 0–9 _ . : -, and not . or .."],
    ["id,label.__proto__\nx,1", "line 2: labels.__proto__: this name is not allowed"],
  ])("refuses %j and says where", (csv, message) => {
    expect(refusal(csv)).toBe(message);
  });

  it("is refused when it has more devices than the ceiling", () => {
    expect(refusal(`id\n${"a\n".repeat(LIMITS.importDevicesMax + 1)}`)).toContain("split the file");
  });

  it("is refused with all its faults at once, up to ten", () => {
    expect(refusal("id,token\nok,\nnot ok,\nb,short\n")).toMatch(/^line 3: id: .*; line 4: token: /);
    const rows = Array.from({ length: 13 }, (_, index) => `not ok ${index}`);
    expect(refusal(`id\n${rows.join("\n")}\n`)).toMatch(/line 11: .*; and 3 more lines$/);
  });

  it("names the line of broken CSV", () => {
    expect(refusal("id,name\na,b\nc,d,e\n")).toContain("line 3");
    expect(refusal('id,name\na,"b\n')).toMatch(/line \d/);
  });

  it("never repeats a token in its complaint", () => {
    expect(refusal("id,token\na,umläut-secret")).not.toContain("secret");
    expect(refusal("id,token,name\nbad id,my-secret-token,x")).not.toContain("secret");
  });
});
