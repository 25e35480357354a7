/** What a child process may be given of the environment: it takes the names that it needs. */
export function environmentOfChildren(): NodeJS.ProcessEnv {
  return { ...process.env };
}
