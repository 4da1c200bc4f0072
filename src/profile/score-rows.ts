import type { InstantMs } from '#contracts/clock.ts'
import type { Customer } from '#contracts/profile.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { loadCustomers, saveCustomers } from './customer-rows.ts'

export interface StoredScore {
  score: string
  value: number
  modelId: string
  scoredAt: InstantMs
}

/** Fewer would not be seen in a condition, and more make rows of noise. */
const digits = 6

/**
 * Writes scores into the table and into the customers' profiles, where conditions read them. Who was merged
 * away meanwhile is left out. Resolves to the customers whose scores are no longer what they were.
 */
export async function saveScores(
  db: WorkspaceDb,
  scores: ReadonlyMap<string, Readonly<Record<string, number>>>,
  { modelId, now }: { modelId: string; now: InstantMs },
): Promise<Customer[]> {
  const ids = [...scores.keys()]
  await db.lockCustomers(ids)
  const customers = [...(await loadCustomers(db, ids)).values()].filter((own) => own.mergedInto === null)
  const changed: Customer[] = []
  const rows = customers.flatMap((customer) => {
    const rounded = Object.entries(scores.get(customer.customerId) ?? {}).map(
      ([score, value]) => [score, Number(value.toFixed(digits))] as const,
    )
    const before = customer.profile.scores ?? {}
    if (rounded.some(([score, value]) => before[score] !== value)) {
      customer.profile.scores = { ...before, ...Object.fromEntries(rounded) }
      changed.push(customer)
    }
    return rounded.map(([score, value]) => ({
      customer_id: customer.customerId,
      score,
      value,
      model_id: modelId,
      scored_at: now,
    }))
  })
  await saveCustomers(db, changed, now)
  await db.bulkInsert('scores', rows, {
    key: ['workspace', 'customer_id', 'score'],
    update: ['value', 'model_id', 'scored_at'],
  })
  return changed
}

export async function loadScores(db: WorkspaceDb, customerId: string): Promise<StoredScore[]> {
  const rows = await db
    .selectFrom('scores')
    .selectAll('scores')
    .where('scores.customer_id', '=', customerId)
    .orderBy('scores.score')
    .execute()
  return rows.map(({ score, value, model_id, scored_at }) => ({
    score,
    value,
    modelId: model_id,
    scoredAt: scored_at,
  }))
}

/** Of who is merged into another: that one has scores of their own, or gets them with the next scoring. */
export async function deleteScores(db: WorkspaceDb, customerId: string): Promise<void> {
  await db.deleteFrom('scores').where('scores.customer_id', '=', customerId).execute()
}

/** When the customers were last scored; null before the first time. */
export async function lastScoring(db: WorkspaceDb): Promise<{ modelId: string; at: InstantMs } | null> {
  const row = await db
    .selectFrom('scores')
    .select(['scores.model_id', 'scores.scored_at'])
    .orderBy('scores.scored_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? null : { modelId: row.model_id, at: row.scored_at }
}
