import { useEffect, useState } from "preact/hooks";
import { useApp } from "../state/app-state.ts";

const GO_TO: Readonly<Record<string, string>> = {
  o: "/",
  d: "/devices",
  a: "/alarms",
  q: "/rejects",
  p: "/partitions",
  s: "/slow",
};
const SEQUENCE_MS = 1500;

export interface HelpState {
  readonly isOpen: boolean;
  open(): void;
  close(): void;
}

/** `g o`, `g d`, `g a`, `g q`, `g p`, `g s`, `/` and `?`, unless somebody is writing. */
export function useHotkeys(): HelpState {
  const { router } = useApp();
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    let goUntil = 0;
    const documentOnKeydown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
      if (document.querySelector("dialog[open]")) return;
      const path = performance.now() < goUntil ? GO_TO[event.key] : undefined;
      goUntil = event.key === "g" ? performance.now() + SEQUENCE_MS : 0;
      if (path !== undefined) router.navigate(path);
      else if (event.key === "?") setOpen(true);
      else if (event.key === "/") {
        event.preventDefault();
        focusSearch(router.navigate);
      }
    };
    document.addEventListener("keydown", documentOnKeydown);
    return () => document.removeEventListener("keydown", documentOnKeydown);
  }, [router]);
  return { isOpen, open: () => setOpen(true), close: () => setOpen(false) };
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

/** Pages without a search of their own hand over to the devices. */
function focusSearch(navigate: (path: string) => void): void {
  const here = document.querySelector<HTMLInputElement>("input[type=search]");
  if (here) {
    here.focus();
    here.select();
    return;
  }
  navigate("/devices");
  requestAnimationFrame(() => document.querySelector<HTMLInputElement>("input[type=search]")?.focus());
}
