import { reasonMeaning } from "../model/quarantine-reasons.ts";
import { excerpt, type Reject } from "../model/reject-list.ts";
import { TimeText } from "../ui/time-text.tsx";

/** One reject in one line, on small screens in three; all of it opens in a dialog. */
export function RejectRow({ reject, onOpen }: { reject: Reject; onOpen: (reject: Reject) => void }) {
  const payload = excerpt(reject.payload);
  return (
    <div class="reject-row" role="row" data-testid="reject-row" data-reason={reject.reason}>
      <span role="cell" class="reject-time">
        <TimeText ts={reject.received} />
      </span>
      <span role="cell" class="reject-device" title={reject.device}>
        {reject.device}
      </span>
      <span role="cell" class="reject-reason">
        <button type="button" class="row-link" title={reasonMeaning(reject.reason)} onClick={() => onOpen(reject)}>
          {reject.reason}
        </button>
      </span>
      <span role="cell" class="reject-detail" title={reject.detail}>
        {reject.detail}
      </span>
      <span role="cell" class="reject-payload" title={payload}>
        {payload === "" ? <span class="muted">empty</span> : <code>{payload}</code>}
      </span>
    </div>
  );
}

export function RejectTableHead() {
  return (
    <div class="table-head reject-row" role="row">
      {["Received", "Device", "Reason", "What was wrong", "Payload"].map((title) => (
        <span role="columnheader">{title}</span>
      ))}
    </div>
  );
}
