import type { Clock } from '#contracts/clock.ts'
import type { LogFields, Logger } from '#contracts/logger.ts'
import { systemClock } from '#platform/clock/system-clock.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof LEVELS)[number]

export interface LoggerOptions {
  /** Lines below it are left out. */
  level?: Level
  clock?: Clock
  /** Takes one line with its end. Standard error by default: standard output belongs to a command's result. */
  write?: (line: string) => void
}

/** One JSON object a line: time, level, message, the fields given here, then those of the call. */
export function createLogger(fields: LogFields = {}, options: LoggerOptions = {}): Logger {
  const { level = 'info', clock = systemClock, write = (line) => process.stderr.write(line) } = options
  const lowest = LEVELS.indexOf(level)
  const at = (name: Level) => (message: string, more?: LogFields) => {
    if (LEVELS.indexOf(name) < lowest) return
    const time = new Date(clock.now()).toISOString()
    write(`${JSON.stringify({ time, level: name, message, ...fields, ...more })}\n`)
  }
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') }
}
