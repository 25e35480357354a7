import { open } from "node:fs/promises";

/** Damages every occurrence of the text in a file by one bit, in place: whoever has the file open sees it. */
export async function flipBytes(path: string, text: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const bytes = await file.readFile();
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
      await file.write(Uint8Array.of((bytes[at] ?? 0) ^ 1), 0, 1, at);
    }
  } finally {
    await file.close();
  }
}
