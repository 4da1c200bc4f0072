import { systemClock } from '#platform/clock/system-clock.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import { createWake } from '#platform/threads/wake.ts'
import { installShop, shopWorkspace } from '../../src/cli/demo/shop-installation.ts'
import { defaultSettings } from '../../src/pipeline/in-thread-engine.ts'
import { saveCustomers } from '../../src/profile/customer-rows.ts'
import { createDatabase, type Services, withClient } from './services.ts'
import { customersCount, userIdAt, writeKey } from './traffic.ts'

const customersPerTransaction = 2000

/**
 * A database with the shop's campaign live in it (eight treatments, budget, caps, quiet hours, holdout) and
 * its customers: each measurement begins with a copy.
 */
export async function createTemplate(services: Services, name: string): Promise<void> {
  const url = await createDatabase(services, name)
  const store = await openStore({ url })
  await installShop(
    {
      store,
      log: { partitions: 0 } as never,
      wake: createWake(),
      clock: systemClock,
      wallClock: systemClock,
      random: createSeededRandom(1),
      logger: console,
      settings: defaultSettings,
    },
    { writeKey },
  )
  const now = systemClock.now()
  for (let first = 0; first < customersCount; first += customersPerTransaction) {
    const customers = Array.from({ length: customersPerTransaction }, (_, i) => customerAt(first + i, now))
    await store.transaction((tx) => saveCustomers(tx.workspace(shopWorkspace), customers, now))
  }
  await store.close()
  await withClient(url, (client) => client.query('vacuum (analyze, freeze) customers'))
}

const dayMs = 86_400_000
const styles = ['classic', 'street', 'sport', 'festive', 'work']

/** A customer that signed up a month ago, reachable by mail and phone. */
function customerAt(index: number, now: number) {
  const firstSeenAt = now - 30 * dayMs
  const lastSeenAt = now - (index % 20) * dayMs
  const email = `customer-${index}@example.com`
  return {
    workspace: shopWorkspace,
    customerId: customerIdOf(shopWorkspace, 'user', userIdAt(index)),
    version: 0,
    mergedInto: null,
    profile: {
      traits: {
        firstName: `Customer ${index}`,
        email,
        phone: `+49151${String(index).padStart(8, '0')}`,
        style: styles[index % styles.length]!,
      },
      email,
      zone: 'Europe/Berlin',
      firstSeenAt,
      lastSeenAt,
      counts: {
        page: {
          total: 2,
          firstAt: firstSeenAt,
          lastAt: lastSeenAt,
          valueMicros: 0,
          days: [firstSeenAt, lastSeenAt].map((at): [number, number, number] => [
            Math.floor(at / dayMs),
            1,
            0,
          ]),
        },
      },
      segments: {},
    },
  }
}
