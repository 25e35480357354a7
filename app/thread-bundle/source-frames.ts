import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { fileURLToPath } from "node:url";

const FOLDER = new URL(".", import.meta.url).href;
const PLACE = /([\w-]+\.js):(\d+):(\d+)/;
const maps = new Map<string, SourceMap | null>();

/**
 * Has frames of the bundle name the files that it was made of, in dead letters and in log lines, as without a bundle. V8 asks when somebody looks at
 * an error's stack, and the map is read with the first one: what nobody looks at costs nothing.
 */
Error.prepareStackTrace = (error, frames) =>
  [headOf(error), ...frames.map(String).map((frame) => `    at ${sourceFrame(frame)}`)].join("\n");

function headOf(error: Error): string {
  try {
    return Error.prototype.toString.call(error);
  } catch {
    // What a function throws may answer with an error to every question.
    return "Error";
  }
}

function sourceFrame(frame: string): string {
  const start = frame.indexOf(FOLDER);
  if (start === -1) return frame;
  const [before, rest] = [frame.slice(0, start), frame.slice(start + FOLDER.length)];
  return (
    before +
    rest.replace(PLACE, (place, file: string, line: string, column: string) => {
      const entry = mapOf(file)?.findEntry(Number(line) - 1, Number(column) - 1);
      if (entry === undefined || !("originalSource" in entry)) return `${FOLDER}${place}`;
      const { originalSource, originalLine, originalColumn } = entry;
      return `${new URL(originalSource, FOLDER).href}:${originalLine + 1}:${originalColumn + 1}`;
    })
  );
}

function mapOf(file: string): SourceMap | null {
  const known = maps.get(file);
  if (known !== undefined) return known;
  const map = readMap(file);
  maps.set(file, map);
  return map;
}

/** Null when it cannot be read: then frames name the bundle. */
function readMap(file: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(fileURLToPath(new URL(`${file}.map`, FOLDER)), "utf8")));
  } catch {
    return null;
  }
}
