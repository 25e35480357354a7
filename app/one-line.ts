const CHARACTERS = 160;

/** One line that a terminal may show: devices must not be able to send it control sequences. */
export function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}]+/gu, " ").trimEnd();
  return line.length <= CHARACTERS ? line : `${line.slice(0, CHARACTERS - 1)}…`;
}
