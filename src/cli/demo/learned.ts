import { customerIdOf } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { bestTreatment } from '../../simulate/planted-response.ts'
import type { Shop } from '../../simulate/shop.ts'
import { shopWorkspace } from './shop-installation.ts'

export interface Learned {
  /** Share of drawn decisions for the planted best treatment, by day since the start. */
  byDay: number[]
  firstFiveDays: number
  lastFiveDays: number
}

const day = 86_400_000

/** How often the drawn choice was the treatment that in truth adds most for that customer. */
export async function whatWasLearned(
  store: Store,
  shop: Shop,
  startsAt: number,
  days: number,
): Promise<Learned> {
  const best = new Map(
    shop.customers.map(({ userId, style }) => [
      customerIdOf(shopWorkspace, 'user', userId),
      bestTreatment(style),
    ]),
  )
  const rows = await store.read
    .workspace(shopWorkspace)
    .selectFrom('decisions')
    .select(['decisions.customer_id', 'decisions.treatment_id', 'decisions.decided_at'])
    .where('decisions.outcome', 'in', ['treatment', 'nothing'])
    .execute()
  const drawn = Array.from({ length: days }, () => ({ best: 0, all: 0 }))
  for (const row of rows) {
    const slot = drawn[Math.min(days - 1, Math.floor((row.decided_at - startsAt - 1) / day))]
    if (slot === undefined) continue
    slot.all += 1
    if (best.get(row.customer_id) === row.treatment_id) slot.best += 1
  }
  const share = (from: number, to: number): number => {
    const slots = drawn.slice(from, to)
    const all = slots.reduce((sum, slot) => sum + slot.all, 0)
    return all === 0 ? 0 : slots.reduce((sum, slot) => sum + slot.best, 0) / all
  }
  return {
    byDay: drawn.map((_, index) => share(index, index + 1)),
    firstFiveDays: share(0, 5),
    lastFiveDays: share(days - 5, days),
  }
}
