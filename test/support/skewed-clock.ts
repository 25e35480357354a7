/** Loaded before anything else of a process and of its threads (`--import`): the wall clock is off by MILLRACE_TEST_CLOCK_OFFSET_MS. */
const offsetMs = Number(process.env["MILLRACE_TEST_CLOCK_OFFSET_MS"] ?? 0);
const wall = Date.now;
Date.now = () => wall() + offsetMs;
