import type { Clock } from '#contracts/clock.ts'
import type { Store } from '#platform/store/store.ts'
import { calibrated } from '#statistics/calibration.ts'
import { loadContacts } from '../../action/message-rows.ts'
import { createForwardNetwork } from '../../learning/networks/forward.ts'
import { newestPropensity, openNetwork } from '../../learning/networks/network-rows.ts'
import { listCustomerIds, loadCustomers } from '../../profile/customer-rows.ts'
import { saveScores } from '../../profile/score-rows.ts'
import { customerZone } from '../../profile/zone-of-place.ts'
import { contactsKeptMs } from '../customer-facts.ts'
import { featureSchemaFor } from '../feature-schema-for.ts'
import { setTimers } from '../timer-rows.ts'
import type { WorkspaceContexts } from '../workspace-context.ts'

export interface ScoringResult {
  modelId: string
  customers: number
}

/** A transaction of this many stays near the 5 ms that others wait at most. */
const customersPerTransaction = 50

/**
 * Scores every customer with the newest propensity network, on features of this moment, the same ones that a
 * decision would see. Whose scores changed is looked at by the worker again where a segment asks for
 * scores. Null where there is no network.
 */
export async function scoreCustomers(
  parts: { store: Store; contexts: WorkspaceContexts; clock: Clock },
  workspace: string,
  stop?: AbortSignal,
): Promise<ScoringResult | null> {
  const { store, contexts, clock } = parts
  const db = store.read.workspace(workspace)
  const newest = await newestPropensity(db)
  const network = newest === null ? null : await openNetwork(db, newest.modelId)
  const context = await contexts.load(store.read, workspace)
  if (network === null || context === null) return null
  const { card, metadata, weights } = network
  const { modelId, shape, traits } = metadata
  const learnedWith = { hash: metadata.featureSchemaHash, by: `network ${modelId}` }
  const schema = await featureSchemaFor(db, { name: metadata.featureSchema, learnedWith })
  const forward = createForwardNetwork(shape, weights)
  const ids = await listCustomerIds(db)
  const now = clock.now()
  for (let from = 0; from < ids.length; from += customersPerTransaction) {
    stop?.throwIfAborted()
    const page = ids.slice(from, from + customersPerTransaction)
    const customers = await loadCustomers(db, page)
    const contacts = await loadContacts(db, page, now - contactsKeptMs)
    const scores = new Map<string, Record<string, number>>()
    for (const { customerId, profile } of customers.values()) {
      const zone = customerZone(profile, context.settings.zone)
      const own = contacts.get(customerId) ?? []
      const told = forward.heads(schema.vector({ profile, traits, contacts: own, now, zone }).dense)
      const heads = card.heads.map(({ name, calibration }, place) => [
        name,
        calibrated(calibration, told[place]!),
      ])
      scores.set(customerId, Object.fromEntries(heads))
    }
    await store.transaction(async (tx) => {
      const own = tx.workspace(workspace)
      const changed = await saveScores(own, scores, { modelId, now })
      if (!context.segments.readsScores) return
      const timers = changed.map(({ customerId }) => ({
        customerId,
        kind: 'segments' as const,
        subject: '',
        dueAt: now,
      }))
      await setTimers(own, timers)
    })
  }
  return { modelId, customers: ids.length }
}
