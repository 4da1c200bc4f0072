import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { storeTests } from './store-tests.ts'

const here = import.meta.dirname

/**
 * `npm run test:services`: what needs PostgreSQL, Kafka, Redis or strace. It takes the services from the
 * environment, else from what `scripts/services up` wrote; it fails, and does not skip, without them.
 *
 * The project `rooms on PostgreSQL` runs the tests of the rooms that use a store, which `npm test` runs on
 * SQLite, a second time: every query of every room on both.
 */
export default defineConfig({
  root: join(here, '../..'),
  test: {
    allowOnly: false,
    // As `npm test`: the default on two cores is one.
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        test: {
          name: 'services',
          include: ['test/services/**/*.test.ts'],
          globalSetup: [join(here, 'global-setup.ts')],
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'rooms on PostgreSQL',
          include: storeTests(),
          globalSetup: [join(here, 'global-setup.ts'), join(here, 'store-template.ts')],
          env: { STARLING_TEST_STORE: 'postgres' },
          pool: 'forks',
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
})
