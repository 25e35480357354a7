/**
 * The value, with all that lies in it read only. What is frozen already is taken to be so down to its leaves. For what is shared: code that changed
 * what it was given would change it for everybody else who has it.
 */
export function frozen<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const name in value) frozen(value[name]);
  return value;
}
