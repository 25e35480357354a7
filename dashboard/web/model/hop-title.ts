const TITLES: Readonly<Record<string, string>> = {
  in: "In",
  processors: "Processors",
  functions: "Your functions",
  clickhouse: "ClickHouse",
  notify: "Notify",
  dashboard: "Dashboard",
};

/** A hop's name for people. */
export function hopTitle(name: string): string {
  return TITLES[name] ?? name;
}
