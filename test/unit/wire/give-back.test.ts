import { describe, expect, it } from "vitest";
import { giveBack } from "../../../wire/give-back.ts";

describe("giveBack", () => {
  it("leaves nothing of large memory, whatever it holds", () => {
    const views = [new Uint8Array(70_000), new Float64Array(70_000), Buffer.allocUnsafeSlow(70_000)];
    giveBack(views);
    expect(views.map(({ byteLength }) => byteLength)).toEqual([0, 0, 0]);
  });

  it("passes over what may be shared: what is small, a part of something larger, and what other threads see", () => {
    const whole = new Uint8Array(200_000);
    const views = [
      Buffer.from("cut from what many share"),
      new Uint8Array(65_536),
      whole.subarray(1),
      new Uint8Array(new SharedArrayBuffer(70_000)),
    ];
    const lengths = views.map(({ byteLength }) => byteLength);
    giveBack(views);
    expect(views.map(({ byteLength }) => byteLength)).toEqual(lengths);
    expect(whole.byteLength).toBe(200_000);
  });

  it("does nothing the second time", () => {
    const view = new Uint8Array(70_000);
    giveBack([view]);
    giveBack([view]);
    expect(view.byteLength).toBe(0);
  });
});
