import { describe, expect, it } from "vitest";
import { createSessions, sessionCookie, sessionOfCookies } from "../../../api/sessions.ts";
import { createSignInCodes } from "../../../api/sign-in-codes.ts";
import { createTokenBuckets } from "../../../api/token-buckets.ts";
import { LIMITS } from "../../../core/limits.ts";

const admin = { kind: "admin", tenant: "t", id: "first" } as const;

function clockAt(now: number) {
  const clock = { at: now, now: () => clock.at };
  return clock;
}

describe("a sign-in code", () => {
  it("signs in once", () => {
    const codes = createSignInCodes(clockAt(0));
    const code = codes.issue(admin);
    expect(codes.redeem(code)).toEqual(admin);
    expect(codes.redeem(code)).toBeNull();
  });

  it("is worth nothing after an hour, or when it was never issued", () => {
    const clock = clockAt(0);
    const codes = createSignInCodes(clock);
    const code = codes.issue(admin);
    clock.at = LIMITS.signInCodeMs;
    expect(codes.redeem(code)).toBeNull();
    expect(codes.redeem("")).toBeNull();
  });

  it("pushes the oldest out when there are too many", () => {
    const codes = createSignInCodes(clockAt(0));
    const [first, second] = [codes.issue(admin), codes.issue(admin)];
    for (let n = 1; n < LIMITS.signInCodesMax; n += 1) codes.issue(admin);
    expect(codes.redeem(first)).toBeNull();
    expect(codes.redeem(second)).toEqual(admin);
  });
});

describe("a session", () => {
  it("lasts until it is closed or too old", () => {
    const clock = clockAt(0);
    const sessions = createSessions(clock);
    const [closed, aged] = [sessions.open(admin), sessions.open(admin)];
    expect(sessions.find(closed)).toEqual(admin);
    sessions.close(closed);
    expect(sessions.find(closed)).toBeNull();
    clock.at = LIMITS.sessionMs - 1;
    expect(sessions.find(aged)).toEqual(admin);
    clock.at = LIMITS.sessionMs;
    expect(sessions.find(aged)).toBeNull();
  });

  it("ends when there are too many younger ones", () => {
    const sessions = createSessions(clockAt(0));
    const [first, second] = [sessions.open(admin), sessions.open(admin)];
    for (let n = 1; n < LIMITS.sessionsMax; n += 1) sessions.open(admin);
    expect([sessions.find(first), sessions.find(second)]).toEqual([null, admin]);
  });

  it("travels in a cookie that scripts and other sites cannot use", () => {
    expect(sessionCookie("s", false)).toBe("millrace_session=s; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict");
    expect(sessionCookie("s", true)).toContain("; Secure");
    expect(sessionCookie(null, false)).toContain("Max-Age=0");
  });

  it("is found among other cookies, and nowhere else", () => {
    expect(sessionOfCookies("a=b; millrace_session=xyz; c=d")).toBe("xyz");
    expect(sessionOfCookies("not_millrace_session=xyz")).toBeNull();
    expect(sessionOfCookies("millrace_session=")).toBeNull();
    expect(sessionOfCookies(undefined)).toBeNull();
  });
});

describe("token buckets", () => {
  const limits = { burst: 2, intervalMs: 1000, keysMax: 3 };

  it("give a burst, then one per interval", () => {
    const clock = clockAt(0);
    const buckets = createTokenBuckets(limits, clock);
    expect([buckets.take("a"), buckets.take("a"), buckets.take("a")]).toEqual([0, 0, 1000]);
    clock.at = 1000;
    expect([buckets.take("a"), buckets.take("a")]).toEqual([0, 1000]);
  });

  it("are separate for each key, and bounded", () => {
    const buckets = createTokenBuckets({ ...limits, burst: 1 }, clockAt(0));
    expect(buckets.take("a")).toBe(0);
    expect([buckets.take("b"), buckets.take("c"), buckets.take("d")]).toEqual([0, 0, 0]);
    expect(buckets.take("b")).toBeGreaterThan(0);
    // "a" was pushed out and starts anew.
    expect(buckets.take("a")).toBe(0);
  });

  it("neither give nor take when the clock goes back", () => {
    const clock = clockAt(10_000);
    const buckets = createTokenBuckets(limits, clock);
    buckets.take("a");
    clock.at = 0;
    expect([buckets.take("a"), buckets.take("a")]).toEqual([0, 1000]);
  });
});
