export type Route =
  | { readonly page: "overview" }
  | { readonly page: "devices" }
  | { readonly page: "device"; readonly id: string }
  | { readonly page: "alarms" }
  | { readonly page: "rejects" }
  | { readonly page: "partitions" }
  | { readonly page: "slow" }
  | { readonly page: "not-found" };

export function parseRoute(path: string): Route {
  const [first = "", second, ...rest] = path.split("/").filter((part) => part !== "");
  if (rest.length > 0) return { page: "not-found" };
  if (second !== undefined) {
    const id = decodePart(second);
    return first === "devices" && id !== null ? { page: "device", id } : { page: "not-found" };
  }
  if (first === "") return { page: "overview" };
  if (first === "devices" || first === "alarms" || first === "rejects" || first === "partitions" || first === "slow")
    return { page: first };
  return { page: "not-found" };
}

export function devicePath(id: string): string {
  return `/devices/${encodeURIComponent(id)}`;
}

function decodePart(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    // "%" without two digits: no page has that name.
    return null;
  }
}
