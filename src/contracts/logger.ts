/** Structured log lines. ERROR is zero in a healthy system; WARN is worth a look; INFO is a state change. */
export interface Logger {
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
}
export type LogFields = Record<string, string | number | boolean | null | undefined>
