import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { ApiError } from "../state/api-client.ts";
import { Icon } from "./icon.tsx";

/** A list without rows: what that means and what to do next. */
export function EmptyState({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty-state">
      <h3>{title}</h3>
      {children}
    </div>
  );
}

/** A question that failed: why, what to do, and a way to ask again. */
export function ErrorState({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  return (
    <div class="empty-state" role="alert">
      <h3>
        <Icon name="warning" /> {error.message}
      </h3>
      {error.remedy !== null && <p>{error.remedy}</p>}
      <p class="muted">{error.code}</p>
      <button type="button" class="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}

export function Notice({ children }: { children: ComponentChildren }) {
  return (
    <p class="notice" role="status">
      {children}
    </p>
  );
}

/** A line for the terminal, with a button that copies it. */
export function CopyLine({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <div class="copy-line">
      <code>{text}</code>
      <button type="button" class="button" onClick={() => void copy()}>
        <Icon name={isCopied ? "check" : "copy"} /> {isCopied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

/** Rows in the shape of what is coming. */
export function SkeletonRows({ count }: { count: number }) {
  return (
    <div class="skeleton-rows" aria-busy="true" aria-label="Loading">
      {Array.from({ length: count }, (_, i) => (
        <div class="skeleton" style={{ width: `${90 - ((i * 17) % 40)}%` }} />
      ))}
    </div>
  );
}
