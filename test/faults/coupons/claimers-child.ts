import { fsyncSync, openSync, writeSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { systemClock } from '#platform/clock/system-clock.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import { isStoreFault } from '#platform/store/store-faults.ts'
import { reserveCodes } from '../../../src/pipeline/change-coupons.ts'
import { type Asked, poolId, readAcknowledged, workspace } from './acknowledged.ts'

// Sixteen claimers of one process, each for its own keys. What they were given stands in a file that is on disk
// before they go on: the process may be killed at any instant.
const { values } = parseArgs({
  options: {
    store: { type: 'string', default: '' },
    log: { type: 'string', default: '' },
    process: { type: 'string', default: '0' },
    claimers: { type: 'string', default: '16' },
    /** For each claimer. */
    keys: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
  },
})
const keysPerClaim = 16
/** So many of the keys that have their code are asked once more: the answer has to be the same. */
const againShare = 0.02

const random = createSeededRandom(Number(values.seed))
const known = new Set(readAcknowledged(values.log).map(({ key }) => key))
const log = openSync(values.log, 'a')
// A line that was cut off by a kill was never acknowledged.
writeSync(log, '\n')
const store = await openStore({ file: values.store })
const claimers = Array.from({ length: Number(values.claimers) }, (_, i) => claim(store, i))
await Promise.all(claimers)
await store.close()

async function claim(store: Store, claimer: number): Promise<void> {
  const keys = Array.from({ length: Number(values.keys) }, (_, i) => `${values.process}-${claimer}-${i}`)
  const open = keys.filter((key) => !known.has(key) || random.next() < againShare)
  for (let from = 0; from < open.length; from += keysPerClaim) {
    const asked = open.slice(from, from + keysPerClaim)
    const drawn = await reserve(store, asked)
    acknowledge(
      drawn.map((own, i) => {
        if (own.kind === 'none') throw new Error(`no code for ${asked[i]}: ${own.reason}`)
        return { key: asked[i]!, code: own.coupon.code }
      }),
    )
  }
}

/** Four processes write one file: who waits too long for it asks again. */
async function reserve(store: Store, keys: string[]) {
  for (;;) {
    try {
      return await reserveCodes(
        { store, clock: systemClock },
        { workspace, poolId, for: keys.map((key) => ({ key, customerId: `customer-${key}` })) },
      )
    } catch (error) {
      if (!isStoreFault(error)) throw error
    }
  }
}

function acknowledge(given: Asked[]): void {
  writeSync(log, given.map((own) => `${JSON.stringify(own)}\n`).join(''))
  fsyncSync(log)
}
