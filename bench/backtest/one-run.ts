import { measureBacktest, PAST_NAMES } from "./measure-backtest.ts";

/** One run in a process of its own. Prints its figures as JSON. */
const [name, readings] = process.argv.slice(2);
const past = PAST_NAMES.find((known) => known === name);
if (past === undefined) throw new Error(`there is no past ${name}`);
console.log(JSON.stringify(await measureBacktest(past, Number(readings))));
