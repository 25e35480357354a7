import { hash } from "node:crypto";
import type { Counter } from "../core/metrics.ts";
import { forgetFirst } from "./forgotten.ts";

/**
 * Which requests with an Idempotency-Key were admitted here lately. It only saves the second append: the admission id that a key gives
 * is the same on every gateway and after every start, so that the stage drops a message that was appended twice.
 */
export interface IdempotencyKeys {
  /**
   * Appends the body unless the key of this owner is remembered: a device (`tenant/device`), behind it the gateway, if one sends for it. Resolves when it is durable, whoever appended it.
   * `reused`: the key came with another body. Rejects as `append` does, and the key is free again.
   */
  once(
    owner: readonly string[],
    key: string,
    body: Uint8Array,
    append: (admissionId: string) => Promise<void>,
  ): Promise<"admitted" | "repeated" | "reused">;
  /** These devices (`tenant/device`) may be others of the same name now. */
  forget(devices: readonly string[]): void;
}

interface Remembered {
  readonly owner: readonly string[];
  readonly body: string;
  /** Null once it has: fifty thousand promises are some MB. */
  landed: Promise<void> | null;
}

/** `keysMax`: of more keys the oldest is forgotten. */
export function createIdempotencyKeys(keysMax: number, forgotten: Counter): IdempotencyKeys {
  const known = new Map<string, Remembered>();

  function remember(id: string, entry: Remembered): void {
    known.set(id, entry);
    forgetFirst(known, keysMax, forgotten);
  }

  return {
    async once(owner, key, body, append) {
      const id = keyedAdmissionId(owner, key);
      const bodyHash = hash("sha256", body, "base64url");
      const first = known.get(id);
      if (first !== undefined) {
        if (first.body !== bodyHash) return "reused";
        await first.landed;
        return "repeated";
      }
      const landed = append(id);
      const entry: Remembered = { owner, body: bodyHash, landed };
      remember(id, entry);
      try {
        await landed;
        entry.landed = null;
      } catch (error) {
        if (known.get(id) === entry) known.delete(id);
        throw error;
      }
      return "admitted";
    },
    forget(devices) {
      const gone = new Set(devices);
      for (const [id, { owner }] of known) if (owner.some((key) => gone.has(key))) known.delete(id);
    },
  };
}

/** Without a dot, so that it is never taken for the sequence number of a gateway. A device's key has no line break. */
export function keyedAdmissionId(owner: readonly string[], key: string): string {
  return `key-${hash("sha256", [...owner, key].join("\n"), "base64url")}`;
}
