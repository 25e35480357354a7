import { z } from "zod";
import { emitDropped } from "./window-fold.ts";
import type { DeviceType } from "../../core/device-type.ts";
import type { FailedTimerContext, StreamContext } from "../../core/function.ts";
import type { EmitCause, FoldInput } from "./window-fold.ts";
import type { Window } from "./window-lanes.ts";

/** Windows of activity: readings that are less than `gapMs` apart. */
export interface SessionFoldDefinition<In extends FoldInput, Acc> {
  readonly acc: z.ZodType<Acc>;
  readonly label: string;
  readonly gapMs: number;
  allowedLatenessMs(type: DeviceType): number;
  add(acc: Acc | undefined, reading: In): Acc;
  /** Two sessions become one: `earlier` began first. */
  merge(earlier: Acc, later: Acc): Acc;
  emit(acc: Acc, window: Window, cause: EmitCause<In>, context: StreamContext<SessionSlot<Acc>>): Acc;
  /** The session has become part of one that begins elsewhere. Returns what that one keeps of it. */
  withdraw(acc: Acc, window: Window, context: StreamContext<SessionSlot<Acc>>): Acc;
}

/** A session from its first to its last reading, or how far sessions have been let go. */
export type SessionSlot<Acc> =
  | { readonly kind: "session"; readonly last: number; readonly closed: boolean; readonly acc: Acc }
  | { readonly kind: "horizon"; readonly expiredTo: number };

export interface SessionFold<In, Acc> {
  readonly state: z.ZodType<SessionSlot<Acc>>;
  onInput(reading: In, context: StreamContext<SessionSlot<Acc>>): void;
  onTimer(name: string, at: number, context: StreamContext<SessionSlot<Acc>>): void;
  onTimerFailed(name: string, at: number, context: FailedTimerContext<SessionSlot<Acc>>): void;
}

interface Session<Acc> {
  readonly start: number;
  readonly last: number;
  readonly closed: boolean;
  readonly acc: Acc;
}

type Context<Acc> = StreamContext<SessionSlot<Acc>>;
/** All that is needed to keep a session. */
type Keeping<Acc> = FailedTimerContext<SessionSlot<Acc>>;

/**
 * Sessions per device. One closes when the watermark is `gapMs` behind its last reading, stays for allowedLateness, and is then let go.
 * A late reading joins the sessions that it is near, and makes one of two when it lies between them; one that had been emitted is
 * emitted again, at once, or at its new end when that has not come. A reading that is near no session that is still there, and lies
 * before one that has been let go or too far behind the watermark, is too late. One whose result fails at its end is closed without one.
 */
export function createSessionFold<In extends FoldInput, Acc>(
  definition: SessionFoldDefinition<In, Acc>,
): SessionFold<In, Acc> {
  return {
    state: z.union([
      z.object({ kind: z.literal("session"), last: z.number(), closed: z.boolean(), acc: definition.acc }),
      z.object({ kind: z.literal("horizon"), expiredTo: z.number() }),
    ]),
    onInput(reading, context) {
      const near = sessionsNear(reading.ts, definition.gapMs, context);
      if (near.length > 0) join(definition, near, reading, context);
      else if (isTooLate(definition, reading.ts, context)) emitDropped(reading, [definition], context);
      else begin(definition, reading, context);
    },
    onTimer(name, _at, context) {
      const session = sessionAt(Number(name), context);
      if (session === null) return;
      if (session.closed) expire(definition, session, context);
      else close(definition, session, context);
    },
    onTimerFailed(name, _at, context) {
      const session = sessionAt(Number(name), context);
      if (session === null) return;
      if (session.closed) expire(definition, session, context);
      else keepClosed(definition, session, context);
    },
  };
}

function begin<In extends FoldInput, Acc>(
  definition: SessionFoldDefinition<In, Acc>,
  reading: In,
  context: Context<Acc>,
): void {
  const { ts } = reading;
  settle(definition, { start: ts, last: ts, closed: false, acc: definition.add(undefined, reading) }, reading, context);
}

function join<In extends FoldInput, Acc>(
  definition: SessionFoldDefinition<In, Acc>,
  near: readonly Session<Acc>[],
  reading: In,
  context: Context<Acc>,
): void {
  const start = Math.min(reading.ts, ...near.map((session) => session.start));
  const last = Math.max(reading.ts, ...near.map((session) => session.last));
  // What was closed and is not longer stays closed: silence may have closed it before the watermark of its readings did.
  const closed = near.every((session) => session.closed && session.last === last);
  const parts: Acc[] = [];
  for (const session of near) {
    context.timers.clear(String(session.start));
    context.state.delete(slotName(session.start));
    parts.push(session.start === start ? session.acc : definition.withdraw(session.acc, windowOf(session), context));
  }
  const acc = definition.add(
    parts.reduce((earlier, later) => definition.merge(earlier, later)),
    reading,
  );
  settle(definition, { start, last, closed, acc }, reading, context);
}

/** Keeps a session that a reading has changed; emits it when its end has come already. */
function settle<In extends FoldInput, Acc>(
  definition: SessionFoldDefinition<In, Acc>,
  session: Session<Acc>,
  reading: In,
  context: Context<Acc>,
): void {
  const end = session.last + definition.gapMs;
  const timer = String(session.start);
  if (!session.closed && end > context.watermark) {
    keep(session, context);
    context.timers.set(timer, end);
    return;
  }
  const acc = definition.emit(session.acc, windowOf(session), { kind: "late", reading }, context);
  keep({ ...session, closed: true, acc }, context);
  context.timers.set(timer, end + latenessOf(definition, context));
}

function close<In extends FoldInput, Acc>(
  definition: SessionFoldDefinition<In, Acc>,
  session: Session<Acc>,
  context: Context<Acc>,
): void {
  const acc = definition.emit(session.acc, windowOf(session), { kind: "close" }, context);
  keepClosed(definition, { ...session, acc }, context);
}

/** Keeps a session for late readings, or lets it go when none can come. */
function keepClosed<In extends FoldInput, Acc>(
  definition: SessionFoldDefinition<In, Acc>,
  session: Session<Acc>,
  context: Keeping<Acc>,
): void {
  const lateness = latenessOf(definition, context);
  if (lateness === 0) {
    expire(definition, session, context);
    return;
  }
  keep({ ...session, closed: true }, context);
  context.timers.set(String(session.start), session.last + definition.gapMs + lateness);
}

function expire<In extends FoldInput, Acc>(
  { gapMs }: SessionFoldDefinition<In, Acc>,
  { start, last }: Session<Acc>,
  context: Keeping<Acc>,
): void {
  context.state.delete(slotName(start));
  const to = Math.max(expiredTo(context), last + gapMs);
  context.state.set(HORIZON, { kind: "horizon", expiredTo: to });
}

function isTooLate<In extends FoldInput, Acc>(
  definition: SessionFoldDefinition<In, Acc>,
  ts: number,
  context: Context<Acc>,
): boolean {
  return ts < expiredTo(context) || ts + definition.gapMs + latenessOf(definition, context) <= context.watermark;
}

/** By their start. */
function sessionsNear<Acc>(ts: number, gapMs: number, context: Context<Acc>): readonly Session<Acc>[] {
  const near: Session<Acc>[] = [];
  for (const name of context.state.names()) {
    const session = name.startsWith(SESSION) ? sessionAt(Number(name.slice(SESSION.length)), context) : null;
    if (session !== null && ts > session.start - gapMs && ts < session.last + gapMs) near.push(session);
  }
  return near.sort((a, b) => a.start - b.start);
}

const SESSION = "s/";
const HORIZON = "horizon";

function slotName(start: number): string {
  return SESSION + start;
}

function sessionAt<Acc>(start: number, { state }: Keeping<Acc>): Session<Acc> | null {
  const slot = state.get(slotName(start));
  return slot?.kind === "session" ? { start, last: slot.last, closed: slot.closed, acc: slot.acc } : null;
}

function keep<Acc>({ start, last, closed, acc }: Session<Acc>, { state }: Keeping<Acc>): void {
  state.set(slotName(start), { kind: "session", last, closed, acc });
}

/** Its readings lie in it, and its last ms is that of the last. */
function windowOf<Acc>({ start, last }: Session<Acc>): Window {
  return { start, end: last + 1 };
}

function expiredTo<Acc>({ state }: Keeping<Acc>): number {
  const slot = state.get(HORIZON);
  return slot?.kind === "horizon" ? slot.expiredTo : 0;
}

function latenessOf<In extends FoldInput, Acc>(
  definition: SessionFoldDefinition<In, Acc>,
  { config, tenant, device }: Keeping<Acc>,
): number {
  return definition.allowedLatenessMs(config.deviceType(tenant, device));
}
