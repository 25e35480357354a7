import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { parseRoute, type Route } from "../model/route.ts";

export interface Router {
  readonly route: ReadonlySignal<Route>;
  readonly query: ReadonlySignal<URLSearchParams>;
  navigate(path: string): void;
  /** Sets and, with null, removes query parameters. Filters replace the entry, so that Back leaves the page. */
  setQuery(changes: Readonly<Record<string, string | null>>, options?: { readonly push?: boolean }): void;
}

/** The address bar is the state: every filter and range can be bookmarked and sent on. */
export function createRouter(): Router {
  const read = () => ({ path: location.pathname, query: location.search });
  const at = signal(read());
  const route = computed(() => parseRoute(at.value.path));
  const query = computed(() => new URLSearchParams(at.value.query));
  const go = (url: string, push: boolean) => {
    if (push) history.pushState(null, "", url);
    else history.replaceState(null, "", url);
    at.value = read();
  };
  const navigate = (path: string) => {
    if (path === location.pathname + location.search) return;
    go(path, true);
    scrollTo(0, 0);
  };
  addEventListener("popstate", () => (at.value = read()));
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || event.defaultPrevented || link.target !== "" || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || parseRoute(link.pathname).page === "not-found") return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
  return {
    route,
    query,
    navigate,
    setQuery(changes, { push = false } = {}) {
      const next = new URLSearchParams(location.search);
      for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === "") next.delete(name);
        else next.set(name, value);
      }
      const text = next.toString();
      go(location.pathname + (text === "" ? "" : `?${text}`), push);
    },
  };
}
