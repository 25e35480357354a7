const EXCERPT_CHARACTERS = 60;

/** One line that a terminal may show: devices must not be able to send it control sequences. */
export function excerpt(text: string, charactersMax = EXCERPT_CHARACTERS): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return line.length <= charactersMax ? line : `${line.slice(0, charactersMax - 1)}…`;
}
