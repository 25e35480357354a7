import { expect, test } from "vitest";
import { gatherQuestions } from "../../../app/gathered-questions.ts";

/** Questions that are answered when the test says so. */
function stand() {
  const asked: { readonly question: string; readonly answer: PromiseWithResolvers<readonly string[]> }[] = [];
  const ask = gatherQuestions((gateway, ids) => {
    const answer = Promise.withResolvers<readonly string[]>();
    asked.push({ question: `${gateway}: ${ids.join()}`, answer });
    return answer.promise;
  });
  return { ask, asked, questions: () => asked.map(({ question }) => question) };
}

test("what is asked while a question is under way goes as one, and each gets its own answer", async () => {
  const { ask, asked, questions } = stand();
  const first = ask("gw", ["a", "b"]);
  const [second, third] = [ask("gw", ["c"]), ask("gw", ["d", "c"])];
  const other = ask("other", ["a"]);
  expect(questions()).toEqual(["gw: a,b", "other: a"]);
  asked[0]?.answer.resolve(["b"]);
  expect(await first).toEqual(["b"]);
  asked[1]?.answer.resolve([]);
  expect(await other).toEqual([]);
  expect(questions().slice(2)).toEqual(["gw: c,d"]);
  asked[2]?.answer.resolve(["d"]);
  expect(await second).toEqual([]);
  expect(await third).toEqual(["d"]);
  void ask("gw", ["e"]);
  expect(questions().at(-1)).toBe("gw: e");
});

test("a question that fails fails those that were in it, and what waits is asked all the same", async () => {
  const { ask, asked } = stand();
  const first = ask("gw", ["a"]);
  const second = ask("gw", ["b"]);
  asked[0]?.answer.reject(new Error("registry gone"));
  await expect(first).rejects.toThrow("registry gone");
  asked[1]?.answer.resolve(["b"]);
  expect(await second).toEqual(["b"]);
});
