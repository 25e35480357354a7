import { MillraceError } from "../core/errors.ts";

export function deviceNotFound(tenant: string, id: string): MillraceError {
  return new MillraceError("NOT_FOUND", `there is no device "${id}" in tenant "${tenant}"`);
}
