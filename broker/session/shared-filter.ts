/** `$share/group/filter`: of a message, one member of the group gets one copy. The name is as in MQTT 5 (4.8.2). */
export interface SharedFilter {
  readonly group: string;
  readonly filter: string;
}

const SHARE = "$share/";

/** Null for an ordinary filter; "malformed" for one that names no group or nothing behind it. */
export function sharedFilterOf(filter: string): SharedFilter | null | "malformed" {
  if (!filter.startsWith(SHARE)) return filter === "$share" ? "malformed" : null;
  const end = filter.indexOf("/", SHARE.length);
  const group = filter.slice(SHARE.length, end);
  if (end < 0 || end + 1 === filter.length || group === "" || /[+#]/.test(group)) return "malformed";
  return { group, filter: filter.slice(end + 1) };
}

/** What a filter asks for: without the group, if it is a shared one. */
export function topicFilterOf(filter: string): string {
  const shared = sharedFilterOf(filter);
  return shared === null || shared === "malformed" ? filter : shared.filter;
}
