import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

export interface SegmentedOption<T extends string> {
  readonly value: T;
  readonly label: string;
}

/** One of a few, all of them visible. */
export function Segmented<T extends string>(props: {
  label: string;
  options: readonly SegmentedOption<T>[];
  value: T | null;
  onChange: (value: T) => void;
}) {
  return (
    <div class="segmented" role="group" aria-label={props.label}>
      {props.options.map(({ value, label }) => (
        <button type="button" aria-pressed={value === props.value} onClick={() => props.onChange(value)}>
          <span class="steady-label" data-text={label}>
            {label}
          </span>
        </button>
      ))}
    </div>
  );
}

const TYPING_PAUSE_MS = 150;

/** A search field that reports when the typing pauses, and at once when it is left: what is pressed next must find it done. */
export function SearchBox({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (text: string) => void;
}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return undefined;
    const timer = setTimeout(() => onChange(text), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, value]);
  return (
    <label class="search-box">
      <Icon name="search" />
      <span class="visually-hidden">{label}</span>
      <input
        type="search"
        placeholder={label}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={() => {
          if (text !== value) onChange(text);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.blur();
        }}
        spellcheck={false}
        autocomplete="off"
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}
