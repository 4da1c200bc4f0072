import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** `npm run test:services`: what needs PostgreSQL or strace. It fails, and does not skip, without them. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    include: ['test/services/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 60_000,
    allowOnly: false,
  },
})
