import { frozen } from "../core/frozen.ts";
import { compileShape, NO_MATCH } from "./shape.ts";
import type { z } from "zod";
import type { ShapeParser } from "./shape.ts";

export interface CheckedOptions<Value> {
  readonly fn: string;
  /** What it is, for messages: "state", "accumulator". */
  readonly what: string;
  readonly schema: z.ZodType<Value>;
  readonly version: number;
  readonly migrate: ((old: unknown, fromVersion: number) => unknown) | null;
}

/** What an author's code keeps: of the shape that its schema says, in the version that the author counts. */
export class CheckedValue<Value> {
  private readonly options: CheckedOptions<Value>;
  private readonly parse: ShapeParser<Value>;

  constructor(options: CheckedOptions<Value>) {
    this.options = options;
    this.parse = compileShape(options.schema);
  }

  /** A kept value of that version; migrated when it is an older one. */
  read(value: unknown, version: number): Value {
    const { fn, what, version: own, migrate } = this.options;
    if (version === own) return this.check(value, `the device has`);
    if (migrate !== null && version < own) {
      return this.check(migrate(value, version), `migrate() from stateVersion ${version} returns`);
    }
    const remedy = version > own ? "deploy a function that knows it" : "define migrate(old, fromVersion)";
    throw new TypeError(`${fn}: the device has ${articled(what)} of stateVersion ${version}, not ${own}: ${remedy}`);
  }

  /** `who` gives it: the beginning of the message when it does not match. */
  check(value: unknown, who: string): Value {
    const parsed = this.parse(value);
    // Code that changed what it keeps would see the change after a restore no more, and after an undo still.
    if (parsed !== NO_MATCH) return frozen(parsed);
    const { fn, what, schema } = this.options;
    const issues = schema.safeParse(value).error?.issues ?? [];
    const faults = issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`).join("; ");
    const remedy = "return one that matches, or raise stateVersion and define migrate()";
    throw new TypeError(`${fn}: ${who} ${articled(what)} that does not match its schema (${faults}): ${remedy}`);
  }
}

function articled(what: string): string {
  return /^[aeiou]/.test(what) ? `an ${what}` : `a ${what}`;
}
