import type { ReadonlySignal } from "@preact/signals";
import { Notice } from "../ui/notices.tsx";
import { TimeText } from "../ui/time-text.tsx";

const NO_HISTORY_CODES = ["SINK_UNAVAILABLE", "CHDB_MISSING", "NOT_RUNNING"];

/** What the reader must know before believing the charts. */
export function ChartNotices(props: {
  isAnchored: ReadonlySignal<boolean>;
  newestTs: ReadonlySignal<number | null>;
  historyError: string | null;
}) {
  const newest = props.newestTs.value;
  const { historyError } = props;
  return (
    <>
      {historyError !== null && (
        <Notice>
          {NO_HISTORY_CODES.includes(historyError)
            ? "History is not available now: the charts begin with what comes live."
            : `History could not be read (${historyError}): the charts show what comes live. It is asked for again in a minute.`}
        </Notice>
      )}
      {props.isAnchored.value && newest !== null && (
        <Notice>
          There are no readings from the current time. The charts end at the newest one, <TimeText ts={newest} />.
        </Notice>
      )}
    </>
  );
}
