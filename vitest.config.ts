import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/**
 * `npm test`: all that needs no outside service and no browser; `test/services`, `test/postfix` and `test/browser`
 * have configurations of their own.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/services/**', 'test/postfix/**', 'test/browser/**'],
    pool: 'forks',
    // On two cores the default is one: 6 min 45 s instead of under 5.
    maxWorkers: '100%',
    // Each file would read some 400 modules anew, a quarter of the time: no test changes what they hold.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    allowOnly: false,
    // Servers, commands and processes to be killed are started some 150 times: compiled once, each takes half.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'starling-compile-cache') },
  },
})
