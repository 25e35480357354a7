const TITLES: Readonly<Record<string, string>> = {
  in: "In",
  processors: "Processors",
  functions: "Your functions",
  clickhouse: "ClickHouse",
  notify: "Notify",
  forward: "Forward",
  dashboard: "Dashboard",
};

/** In front of the name that a user gave a stage of functions. */
const OWN_STAGE = "fn-";

/** A hop's name for people. */
export function hopTitle(name: string): string {
  if (name.startsWith(OWN_STAGE)) return `${TITLES["functions"]}: ${name.slice(OWN_STAGE.length)}`;
  return TITLES[name] ?? name;
}
