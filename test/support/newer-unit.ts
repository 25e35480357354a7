import { encodeUnit } from "../../wire/unit-codec.ts";

/** A unit that stands at `offset`, as a release writes it whose units this one does not know. */
export function newerUnit(stage: string, offset: number): Uint8Array {
  const next = { offset, step: 0 };
  const unit = encodeUnit({ v: 1, stage, generation: 0, from: next, next, slots: [], outcomes: [] });
  return Buffer.from(Buffer.from(unit).toString("latin1").replace('"v":1', '"v":2'), "latin1");
}
