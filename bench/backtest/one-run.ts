import { measureBacktest, PAST_NAMES, THREADINGS } from "./measure-backtest.ts";

/** One run in a process of its own. Prints its figures as JSON. */
const [name, readings, threads] = process.argv.slice(2);
const past = PAST_NAMES.find((known) => known === name);
const threading = THREADINGS.find((known) => known === threads);
if (past === undefined || threading === undefined) throw new Error(`there is no past ${name} in ${threads} threads`);
console.log(JSON.stringify(await measureBacktest(past, Number(readings), threading)));
