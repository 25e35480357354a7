import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";

const KEYS = [
  ["g o", "Overview"],
  ["g d", "Devices"],
  ["g a", "Alarms"],
  ["g q", "Rejects: quarantine and dead letters"],
  ["g p", "Partitions: who works on what"],
  ["g s", "Slow devices and functions"],
  ["/", "Search"],
  ["?", "This help"],
  ["← →", "Move the cursor of a focused chart"],
  ["drag", "Zoom into a chart"],
  ["double-click", "Back to the whole range"],
] as const;

export function HelpDialog({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="help-title"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === event.currentTarget) event.currentTarget.close();
      }}
    >
      <div class="dialog-body">
        <header>
          <h2 id="help-title">Keyboard</h2>
          <button type="button" class="icon-button" aria-label="Close" onClick={() => dialog.current?.close()}>
            <Icon name="close" />
          </button>
        </header>
        <dl class="key-list">
          {KEYS.map(([keys, text]) => (
            <div>
              <dt>
                {keys.split(" ").map((key) => (
                  <kbd>{key}</kbd>
                ))}
              </dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
        <p class="dialog-foot">
          <a href="/docs">HTTP API</a>
        </p>
      </div>
    </dialog>
  );
}
