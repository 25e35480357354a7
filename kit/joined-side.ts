import { JOIN_SLOT_SCHEMA, JoinBuffer } from "./join-buffer.ts";
import { UserCall } from "./user-call.ts";
import { LIMITS } from "../core/limits.ts";
import type { DeviceEvent, JoinSide, Repartitioned } from "../core/derived-records.ts";
import type { StreamContext, StreamFunction } from "../core/function.ts";
import type { FunctionContext, FunctionReading, ResultMetrics } from "./definition.ts";
import type { JoinBounds, JoinSlot, KeptReading } from "./join-buffer.ts";
import type { Intake } from "./user-function.ts";

type Context = StreamContext<JoinSlot>;

export interface JoinParts<Left, Right> {
  readonly fn: string;
  readonly bounds: JoinBounds;
  readonly intakes: { readonly left: Intake<Left>; readonly right: Intake<Right> };
  readonly code: JoinCode<Left, Right>;
}

/** What the author makes of a pair. Only an outer join is given undefined, for the side on which no partner has come. */
interface JoinCode<Left, Right> {
  join(
    left: FunctionReading<Left> | undefined,
    right: FunctionReading<Right> | undefined,
    context: FunctionContext,
  ): ResultMetrics | undefined | void;
}

/**
 * Where two sides meet. A reading meets every partner that is kept, and is kept for those that come later. It is let go when the watermark,
 * or the silence of a side, says that none can come; one that is behind the watermark by more than the allowed lateness is not joined at all.
 * So a pair meets once, when its second reading comes, and a reading has a result of its own only when it has none with a partner.
 */
export function createJoin<Left, Right>(
  parts: JoinParts<Left, Right>,
): Pick<StreamFunction<"repartition", JoinSlot>, "state" | "onInput" | "onTimer" | "onTimerFailed"> {
  const { fn, bounds } = parts;
  const buffer = new JoinBuffer(bounds);
  return {
    state: JOIN_SLOT_SCHEMA,
    onInput(reading, context) {
      // As this version wants it: what sent it may have been another.
      if (parts.intakes[reading.side].parse(reading.metrics) === null) return;
      if (reading.ts + bounds.latenessMs < context.watermark) {
        tell(context, "late-dropped", reading, `${nameOf(reading)} came too late for ${fn}`);
        context.count("lateDropped");
        return;
      }
      const partners = buffer.partners(reading, context);
      const met = partners.filter((partner) => emitPair(parts, reading, partner, context));
      buffer.meet(met, context);
      if (buffer.keep(reading, met.length > 0, context)) return;
      const detail = `${fn} keeps ${LIMITS.joinReadingsPerSideMax} readings of this side and key, and not ${nameOf(reading)}`;
      tell(context, "join-full", reading, detail);
    },
    onTimer(name, at, context) {
      const alone = buffer.onTimer(name, at, context);
      if (alone !== null) emitPair(parts, alone, null, context);
    },
    // The reading has no result.
    onTimerFailed: (name, at, context) => void buffer.onTimer(name, at, context),
  };
}

/** Emits what the pair gives. False when one of the two is not what this version wants. */
function emitPair<Left, Right>(
  { fn, intakes, code }: JoinParts<Left, Right>,
  one: Sided,
  partner: Sided | null,
  context: Context,
): boolean {
  const [left, right] = one.side === "left" ? [one, partner] : [partner, one];
  const given = { left: readingOf(intakes.left, left, context), right: readingOf(intakes.right, right, context) };
  if (given.left === null || given.right === null) return false;
  const call = new UserCall(fn, Math.max(one.ts, partner?.ts ?? one.ts), context);
  call.emitWhole(code.join(given.left, given.right, call));
  return true;
}

type Sided = Pick<KeptReading, "device" | "ts" | "received" | "metrics"> & { readonly side: JoinSide };

/** Undefined of a side that has no reading; null when its version does not want it any more. */
function readingOf<Metrics>(
  intake: Intake<Metrics>,
  from: Sided | null,
  { tenant }: Context,
): FunctionReading<Metrics> | undefined | null {
  if (from === null) return undefined;
  const { device, ts, received } = from;
  const metrics = intake.parse(from.metrics);
  return metrics === null ? null : { tenant, device, ts, received, metrics };
}

function nameOf({ side, device, ts }: Repartitioned): string {
  return `the ${side} reading of ${device} at ${new Date(ts).toISOString()}`;
}

function tell(context: Context, kind: DeviceEvent["kind"], { ts, received }: Repartitioned, detail: string): void {
  const { tenant, device } = context;
  const event: DeviceEvent = { v: 1, tenant, device, kind, ts, received, detail };
  context.emit("device-events", event);
}
