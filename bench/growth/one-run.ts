import { measureFunction } from "../functions/measure-function.ts";
import { CURVE_NAMES, GROWTH_CURVES } from "./growth-loads.ts";

/** One size of one curve in a process of its own, so that no load meets code that another has made general. Prints its figures as JSON. */
const [name, ...numbers] = process.argv.slice(2);
const [size = 1, messages = 0] = numbers.map(Number);
const curve = CURVE_NAMES.find((known) => known === name);
if (curve === undefined) throw new Error(`no such curve: ${name}; there are ${CURVE_NAMES.join(", ")}`);
const { load, shape } = GROWTH_CURVES[curve].at(size, messages);
console.log(JSON.stringify(measureFunction(load, shape)));
