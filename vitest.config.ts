import { defineConfig } from 'vitest/config'

/** `npm test`: everything that needs no outside service. `test/services` runs by `npm run test:services`. */
export default defineConfig({
  test: {
    include:
      process.env.STARLING_TEST_POSTGRES_URL === undefined
        ? ['test/**/*.test.ts']
        : ['test/services/**/*.test.ts'],
    exclude:
      process.env.STARLING_TEST_POSTGRES_URL === undefined ? ['test/services/**', 'node_modules/**'] : [],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    allowOnly: false,
  },
})
