import { status } from "@grpc/grpc-js";
import { errorText, isMillraceError } from "../../core/errors.ts";

/** An error as gRPC tells it. What KEDA gets for it keeps the pods as they are. */
export interface ScalerStatus {
  readonly code: status;
  readonly details: string;
}

export function scalerStatus(error: unknown): ScalerStatus {
  if (!isMillraceError(error)) return { code: status.INTERNAL, details: "a defect of Millrace: its log says more" };
  const details = error.remedy === undefined ? errorText(error) : `${sentence(error.message)} ${error.remedy}`;
  switch (error.code) {
    case "INVALID_INPUT":
      return { code: status.INVALID_ARGUMENT, details };
    case "LIMIT_EXCEEDED":
      return { code: status.RESOURCE_EXHAUSTED, details };
    default:
      return { code: status.UNAVAILABLE, details };
  }
}

function sentence(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}
