import { errorText, isMillraceError, MillraceError } from "../../core/errors.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { CommitRequest, JournalClaim, JournalId, JournalHolding, LogStatus } from "../../core/event-log.ts";
import type { CorruptRange } from "./log-reader.ts";

/** What goes over a connection's port. Requests and replies travel in arrays: one message per turn of the event loop. */
export interface TransferredBatch {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly lastTimestamp: number;
}

export interface TransferredOutput {
  readonly topicPartition: number;
  readonly batches: readonly TransferredBatch[];
}

export type ConnectionCall =
  | { readonly kind: "append"; readonly output: TransferredOutput }
  | { readonly kind: "claim"; readonly journal: JournalId; readonly held: JournalHolding | undefined }
  | {
      readonly kind: "commit";
      readonly request: Omit<CommitRequest, "outputs">;
      readonly outputs: readonly TransferredOutput[];
    }
  | { readonly kind: "status" };

export type ConnectionRequest =
  | { readonly id: number; readonly call: ConnectionCall }
  /** A commit failed before it was sent: what was sent behind it must fail too. */
  | { readonly failed: Pick<CommitRequest, "journal" | "epoch"> }
  /** A reader found damage for the first time. */
  | { readonly corrupt: Omit<CorruptRange, "bytes"> };

export type ConnectionResult = number | JournalClaim | LogStatus | undefined;

export type ConnectionReply =
  | { readonly id: number; readonly result: ConnectionResult }
  | { readonly id: number; readonly error: TransferredError };

/** All that is bytes in a call. */
export function bytesOf(call: ConnectionCall): readonly Uint8Array[] {
  const outputs = call.kind === "append" ? [call.output] : call.kind === "commit" ? call.outputs : [];
  const bytes = outputs.flatMap(({ batches }) => batches.map((batch) => batch.bytes));
  return call.kind === "commit" ? [...bytes, call.request.entry.body] : bytes;
}

/** A MillraceError loses its class and code in a structured clone. Without a code it is a programmer's error, with its stack. */
export interface TransferredError {
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly remedy?: string | undefined;
  readonly stack?: string | undefined;
}

export function transferError(error: unknown): TransferredError {
  if (isMillraceError(error)) return { code: error.code, message: error.message, remedy: error.remedy };
  return { code: null, message: errorText(error), stack: error instanceof Error ? error.stack : undefined };
}

export function receiveError({ code, message, remedy, stack }: TransferredError): Error {
  if (code !== null) return new MillraceError(code, message, remedy === undefined ? {} : { remedy });
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
