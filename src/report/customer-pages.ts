import { setImmediate } from 'node:timers/promises'
import type { WorkspaceDb } from '#platform/store/store.ts'

/**
 * A stretch of a campaign's customers in the order of their ids: after `after`, up to and with `upTo`
 * (null: to the end).
 */
export interface CustomerPage {
  after: string
  upTo: string | null
}

/**
 * SQLite's queries hold the thread while they run, so a population is read in stretches and others get
 * their turn in between: each of the report's queries over 2,000 customers takes some 2 ms.
 */
const CUSTOMERS_PER_PAGE = 2000

/** Every assigned customer of the campaign falls into exactly one page. */
export async function* customerPages(db: WorkspaceDb, campaignId: string): AsyncGenerator<CustomerPage> {
  let after = ''
  for (;;) {
    const last = await db
      .selectFrom('assignments')
      .select('assignments.customer_id')
      .where('assignments.campaign_id', '=', campaignId)
      .where('assignments.customer_id', '>', after)
      .orderBy('assignments.customer_id')
      .offset(CUSTOMERS_PER_PAGE - 1)
      .limit(1)
      .executeTakeFirst()
    yield { after, upTo: last?.customer_id ?? null }
    if (last === undefined) return
    after = last.customer_id
    await setImmediate()
  }
}
