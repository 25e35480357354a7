const decoder = new TextDecoder();

/** Undefined when it is not JSON: no JSON text has that value. Bytes are UTF-8. */
export function parseJson(json: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof json === "string" ? json : decoder.decode(json));
  } catch {
    return undefined;
  }
}
