import { expect, it } from 'vitest'
import { createLogger } from '#platform/telemetry/logger.ts'

it('writes one JSON object a line, from the level up that it was given', () => {
  const lines: string[] = []
  const clock = { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) }
  const logger = createLogger({ role: 'worker' }, { level: 'warn', clock, write: (line) => lines.push(line) })
  logger.info('left out')
  logger.warn('two\nlines', { partition: 3, gone: undefined })
  expect(lines).toEqual([
    '{"time":"2026-01-02T03:04:05.006Z","level":"warn","message":"two\\nlines","role":"worker","partition":3}\n',
  ])
})
