import type { Store, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { type EngineWorld, identify, track, welcomeFile } from '../integration/pipeline/engine-world.ts'

/** Where in a transaction a process dies: after so many of its bulk writes, or at one of its ends. */
export type KillPoint = 'after-begin' | `write-${number}` | 'before-commit' | 'after-commit'

export interface KillingStore {
  wrap(store: Store): Store
  /** From now on transactions are counted. */
  arm(): void
}

/** A store whose process dies at the given point of its n-th transaction. */
export function createKillingStore(kill: { transaction: number; point: KillPoint }): KillingStore {
  let transactions = 0
  let isArmed = false
  const reach = (point: KillPoint): void => {
    if (point === kill.point) process.kill(process.pid, 'SIGKILL')
  }
  return {
    arm() {
      isArmed = true
    },
    wrap: (store) => ({
      ...store,
      async transaction(work) {
        if (isArmed) transactions += 1
        if (!isArmed || transactions !== kill.transaction) return store.transaction(work)
        const result = await store.transaction(async (tx) => {
          reach('after-begin')
          const done = await work(countingWrites(tx, reach))
          reach('before-commit')
          return done
        })
        reach('after-commit')
        return result
      },
    }),
  }
}

function countingWrites(tx: StoreTransaction, reach: (point: KillPoint) => void): StoreTransaction {
  let writes = 0
  return {
    ...tx,
    workspace(workspace) {
      const db = tx.workspace(workspace)
      const bulkInsert: WorkspaceDb['bulkInsert'] = async (table, rows, onConflict) => {
        const written = await db.bulkInsert(table, rows, onConflict)
        if (rows.length > 0) reach(`write-${++writes}`)
        return written
      }
      return Object.assign(Object.create(db) as WorkspaceDb, { bulkInsert })
    },
  }
}

/** A cap, a holdout, a segment with a timer: every table of the batch gets rows. */
export const killFile = welcomeFile({
  holdout: 0.2,
  campaign: 'frequencyCaps: [{ sendsMax: 1, window: { hours: 24 } }]',
  top: 'segments: [{ id: away, name: Away, condition: { event: Visited, measure: daysSince, op: gte, value: 7 } }]',
})
  .replace(/policy: .*/, 'policy: { kind: inverse-gap }')
  .replace('cost: 1', 'cost: 0')

/** Small batches, so that there are several. */
export const killSettings = { batchRecordsMax: 15 }

/** Events of a dozen customers, some first seen as visitors; one event comes twice. */
export async function takeKillEvents(world: EngineWorld): Promise<void> {
  for (let i = 0; i < 12; i++) {
    const user = `user-${i}`
    const anonymousId = `visitor-${i}`
    await world.take(
      { type: 'track', messageId: `v-${i}`, anonymousId, event: 'Visited', properties: {} },
      identify(user, {}, i % 3 === 0 ? { anonymousId } : {}),
      track(user, 'Signed Up', `s-${i}`),
      track(user, 'Signed Up', `s-${i}`),
      track(user, 'Signed Up', `t-${i}`),
      track(user, i % 3 === 1 ? 'Order Completed' : 'Visited', `o-${i}`, { properties: { revenue: 5 } }),
    )
  }
}
