import { useEffect, useState } from "preact/hooks";

/** True while the media query holds. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const listOnChange = () => setMatches(list.matches);
    listOnChange();
    list.addEventListener("change", listOnChange);
    return () => list.removeEventListener("change", listOnChange);
  }, [query]);
  return matches;
}
