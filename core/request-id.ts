/** Of a request over HTTP: the header that it may come with, and that every answer has. */
export const REQUEST_ID_HEADER = "x-request-id";

/** What may stand in log lines and answers without a second look. */
const WELL_FORMED = /^[A-Za-z0-9._:=+/-]{1,128}$/;

/** The id that the client gives its request, when it is well formed: up to 128 letters, digits and `. _ : = + / -`. Else one that `make` makes. */
export function requestIdOf(header: string | readonly string[] | undefined, make: () => string): string {
  return typeof header === "string" && WELL_FORMED.test(header) ? header : make();
}
