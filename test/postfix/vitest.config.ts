import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** `npm run test:postfix`: a whole server against Debian's Postfix. As root, with the package `postfix`. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    allowOnly: false,
    include: ['test/postfix/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
