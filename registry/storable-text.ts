/** What no text column takes: PostgreSQL refuses U+0000, SQLite cuts LIKE off at it, and neither stores half a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes("\u0000") && text.isWellFormed();
}

/** The text with U+FFFD for what cannot be stored: for what machines write, which must not fail for a strange character. */
export function storableText(text: string): string {
  return text.replaceAll("\u0000", "\uFFFD").toWellFormed();
}
