import { expect, test } from "vitest";
import { createEpisodes } from "../../../device-sim/episodes.ts";
import { createRandom } from "../../../device-sim/random.ts";

const options = { startAt: 0, meanPauseMs: 10_000, lengthMsMin: 1000, lengthMsMax: 2000 };

test("how often the time is asked for does not move the episodes", () => {
  const fine = createEpisodes(createRandom("e"), options);
  const coarse = createEpisodes(createRandom("e"), options);
  const seen = new Map<number, unknown>();
  for (let at = 0; at < 1_000_000; at += 10) seen.set(at, fine(at));
  for (let at = 0; at < 1_000_000; at += 500) expect(coarse(at)).toEqual(seen.get(at));
});

test("episodes keep to their length and leave pauses", () => {
  const episodeAt = createEpisodes(createRandom("e"), options);
  const lengths = new Set<number>();
  let inside = 0;
  for (let at = 0; at < 1_000_000; at += 100) {
    const episode = episodeAt(at);
    if (episode === null) continue;
    inside++;
    lengths.add(episode.to - episode.from);
  }
  expect([...lengths].every((length) => length >= 1000 && length < 2000)).toBe(true);
  expect(inside / 10_000).toBeGreaterThan(0.05);
  expect(inside / 10_000).toBeLessThan(0.25);
});
