import type { FindPublishable } from "../core/authenticator.ts";

interface Question {
  readonly ids: Set<string>;
  readonly answer: PromiseWithResolvers<ReadonlySet<string>>;
}

/** Asks for a gateway one question at a time: what is asked while one is under way waits, and goes as one. */
export function gatherQuestions(find: FindPublishable): FindPublishable {
  /** By gateway: what waits; null while nothing does and a question is under way. */
  const gateways = new Map<string, Question | null>();

  async function ask(gateway: string, { ids, answer }: Question): Promise<void> {
    gateways.set(gateway, null);
    try {
      answer.resolve(new Set(await find(gateway, [...ids])));
    } catch (error) {
      answer.reject(error);
    }
    const next = gateways.get(gateway) ?? null;
    if (next === null) gateways.delete(gateway);
    else void ask(gateway, next);
  }

  return async (gateway, ids) => {
    const isUnderWay = gateways.has(gateway);
    const question = gateways.get(gateway) ?? { ids: new Set(), answer: Promise.withResolvers() };
    for (const id of ids) question.ids.add(id);
    if (isUnderWay) gateways.set(gateway, question);
    else void ask(gateway, question);
    const found = await question.answer.promise;
    return ids.filter((id) => found.has(id));
  };
}
