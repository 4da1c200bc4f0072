import { defineConfig } from 'vitest/config'

/** `npm run test:browser`: our scripts in a real Chromium. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    allowOnly: false,
  },
})
