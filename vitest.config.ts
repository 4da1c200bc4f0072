import { defineConfig } from 'vitest/config'

/** `npm test`: everything that needs no outside service; `test/services` has a configuration of its own. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/services/**'],
    pool: 'forks',
    // On two cores the default is one: 6 min 45 s instead of under 5.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    allowOnly: false,
  },
})
