/**
 * True when every topic that `filter` can match is matched by `cover`. Both are valid filters (4.7). As 4.7.2 has it, a wildcard
 * in the first level does not match a topic that begins with `$`.
 */
export function filterCoveredBy(filter: string, cover: string): boolean {
  // They match the same, as "a/#" also matches "a" (4.7.1.2).
  const wanted = (filter === "#" ? "+/#" : filter).split("/");
  const allowed = cover.split("/");
  if (isWildcard(allowed[0]) && wanted[0]?.startsWith("$") === true) return false;
  for (let i = 0; ; i++) {
    // For the same reason a cover may end one level after the filter.
    if (allowed[i] === "#") return true;
    if (i === wanted.length || i === allowed.length) return i === wanted.length && i === allowed.length;
    if (wanted[i] === "#") return false;
    if (allowed[i] !== "+" && allowed[i] !== wanted[i]) return false;
  }
}

function isWildcard(level: string | undefined): boolean {
  return level === "+" || level === "#";
}
