import { pick } from "../faults/chance.ts";
import type { Random } from "../../device-sim/random.ts";
import type { FuzzDevice } from "./fuzz-device.ts";

const REQUESTS_MAX = 5;
const BODY_CHARACTERS_MAX = 2000;

/** Requests for telemetry that follow each other on one connection, in the ways in which HTTP/1.1 lets a client say the same. */
export function httpRequests(device: FuzzDevice, random: Random): Buffer[] {
  return Array.from({ length: 1 + Math.floor(random.next() * REQUESTS_MAX) }, () => requestOf(device, random));
}

function requestOf(device: FuzzDevice, random: Random): Buffer {
  const isOwn = random.next() < 0.6;
  const path = isOwn ? "/v1/telemetry" : `/api/v1/${device.token}/telemetry`;
  const method = pick(["POST", "POST", "POST", "GET", "PUT", "OPTIONS", "HEAD"], random);
  const body = bodyOf(random);
  const isChunked = random.next() < 0.3;
  const lines = [
    `${method} ${path}${pick(["", "?x=1", "#y"], random)} HTTP/1.${pick(["1", "1", "1", "0"], random)}`,
    "Host: fuzz",
    ...(isOwn ? [`Authorization: Bearer ${device.token}`] : []),
    `Content-Type: ${pick(["application/json", "application/json; charset=utf-8", "text/plain"], random)}`,
    ...(random.next() < 0.3 ? [`Idempotency-Key: key-${Math.floor(random.next() * 50)}`] : []),
    ...(random.next() < 0.1 ? ["Expect: 100-continue"] : []),
    ...(random.next() < 0.1 ? [`Connection: ${pick(["close", "keep-alive", "upgrade"], random)}`] : []),
    ...(random.next() < 0.1 ? ["Content-Encoding: gzip"] : []),
    ...(random.next() < 0.1 ? [`X-Long: ${"h".repeat(Math.floor(random.next() * 20_000))}`] : []),
    isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${isChunked ? chunked(body, random) : body}`);
}

function bodyOf(random: Random): string {
  const value = Math.floor(random.next() * 1e6);
  return pick(
    [
      JSON.stringify({ value }),
      JSON.stringify({ ts: 1_790_000_000_000 + value, values: { value } }),
      JSON.stringify({ text: "x".repeat(Math.floor(random.next() * BODY_CHARACTERS_MAX)) }),
      "",
      "{not json",
    ],
    random,
  );
}

function chunked(body: string, random: Random): string {
  const cut = Math.floor(random.next() * body.length);
  const chunks = [body.slice(0, cut), body.slice(cut)].filter((chunk) => chunk !== "");
  return [...chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`), "0\r\n\r\n"].join("");
}
