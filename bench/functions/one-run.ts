import { FUNCTION_LOADS, LOAD_NAMES } from "./function-loads.ts";
import { measureFunction } from "./measure-function.ts";

/** One run in a process of its own, so that no load meets code that another has made general. Prints its figures as JSON. */
const [name, ...numbers] = process.argv.slice(2);
const [partitions = 1, warmUp = 0, messages = 0] = numbers.map(Number);
const load = LOAD_NAMES.find((known) => known === name);
if (load === undefined) throw new Error(`no such load: ${name}`);
console.log(JSON.stringify(measureFunction(FUNCTION_LOADS[load], { partitions, warmUp, messages })));
