import { expect } from "vitest";
import { type ErrorCode, isMillraceError } from "../../../core/errors.ts";
import type { Registry } from "../../../core/registry.ts";
import type { DeviceImporter } from "../../../registry/device-importer.ts";

export type TestedRegistry = Registry & DeviceImporter;

/** One store, empty at first. `open` may be called several times: connections to the same store. */
export interface RegistryStand {
  open(): Promise<TestedRegistry>;
  /** Closes what is open and removes the store. */
  dispose(): Promise<void>;
}

export interface SuiteContext {
  /** Opened afresh for each test. */
  readonly registry: TestedRegistry;
  /** Another connection to the same store. */
  openAnother(): Promise<TestedRegistry>;
  /** What the registry's clock says; tests move it. */
  readonly time: { now: number };
}

export const ACTOR = "tester";
export const TENANT = "acme";

/** Fails unless the promise rejects with a MillraceError of that code; returns its message. */
export async function rejection(promise: Promise<unknown>, code: ErrorCode): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!isMillraceError(error)) throw new Error(`expected ${code}, got ${String(error)}`, { cause: error });
  expect(error.code).toBe(code);
  return error.message;
}

/** Everything queued for the log, and forgets it. */
export async function takeControls(registry: Registry) {
  const entries = await registry.controlOutbox.pending(100_000);
  for (const { sequence } of entries) await registry.controlOutbox.markSent(sequence);
  return entries;
}

/** `action target` of the audit, oldest first. */
export async function auditTrail(registry: Registry): Promise<readonly string[]> {
  const { items } = await registry.audit.list({ limit: 1000 });
  return items.toReversed().map(({ action, target, detail }) => [action, target, detail].filter(Boolean).join(" "));
}
