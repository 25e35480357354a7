import { SourceMap } from "node:module";
import { dirname, join, relative, resolve } from "node:path";

const BUNDLE_PLACE = /(?:\/function\/)?bundle\.js:(\d+):(\d+)/g;

/** A text in which places of a bundle are those of the files that it was made of: `bundle.js:12:5` as `functions/dew-point.ts:8:20`. */
export function placesIn(text: string, sourceMap: string, entry: string): string {
  const map = new SourceMap(JSON.parse(sourceMap));
  return text.replace(BUNDLE_PLACE, (whole: string, line: string, column: string) => {
    const found = map.findEntry(Number(line) - 1, Number(column) - 1);
    if (!("originalSource" in found)) return whole;
    const file = relative(process.cwd(), join(dirname(resolve(entry)), found.originalSource));
    return `${file}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  });
}
