import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FeatureInput, FeatureSchema } from '#contracts/feature-schema.ts'
import { createReportingCurrency, type ReportingCurrency } from '#platform/money/reporting-currency.ts'
import type { StoreScope, WorkspaceDb } from '#platform/store/store.ts'
import { loadCurrencyRates } from '../campaign/document-rows.ts'
import { loadWorkspace } from '../campaign/workspaces.ts'
import { type CustomerHistory, featureInputAsOf, loadCustomerHistories } from './customer-history.ts'

/** A decision whose customer is to be seen again as it saw them. */
export interface PastMoment {
  decisionId: string
  /** Whose it is today: a merge may have moved it. */
  customerId: string
  triggerKind: string
  triggerId: string
  decidedAt: number
  /** Declared traits; a network looks at its own. */
  traits: readonly string[]
}

/** What money and hours are counted by. */
export interface FeatureSources {
  currency: ReportingCurrency
  zone: string
}

/** Null where there is no such workspace. */
export async function loadFeatureSources(
  scope: StoreScope,
  workspace: string,
): Promise<FeatureSources | null> {
  const settings = await loadWorkspace(scope, workspace)
  if (settings === null) return null
  const rates = await loadCurrencyRates(scope.workspace(workspace))
  return { currency: createReportingCurrency(settings.reportingCurrency, rates), zone: settings.zone }
}

/** At today's rates (ADR 30). */
export type FeaturesAsOf = (moments: readonly PastMoment[]) => Promise<Map<string, Float64Array>>

/** A turn of the thread: some hundredths of a second where each has hundreds of events. */
const customersPerPage = 50

/**
 * What features were made of at past decisions, by decision id: made again from the stored events and messages
 * as they were known then. Missing are those of customers whose events are gone, or who were not known yet.
 * Others have a turn of the thread between two pages.
 */
export async function inputsAsOf(
  db: WorkspaceDb,
  moments: readonly PastMoment[],
  sources: FeatureSources,
): Promise<Map<string, FeatureInput>> {
  const inputs = new Map<string, FeatureInput>()
  const byCustomer = [...Map.groupBy(moments, ({ customerId }) => customerId)]
  for (let from = 0; from < byCustomer.length; from += customersPerPage) {
    const page = new Map(byCustomer.slice(from, from + customersPerPage))
    for (const history of await loadCustomerHistories(db, [...page.keys()])) {
      for (const moment of page.get(history.customerId) ?? []) {
        const input = inputOf(history, moment, sources)
        if (input !== null) inputs.set(moment.decisionId, input)
      }
    }
    await nextTurn()
  }
  return inputs
}

/** The same as vectors of a schema. */
export async function featuresAsOf(
  db: WorkspaceDb,
  schema: FeatureSchema,
  moments: readonly PastMoment[],
  sources: FeatureSources,
): Promise<Map<string, Float64Array>> {
  const inputs = await inputsAsOf(db, moments, sources)
  return new Map([...inputs].map(([id, input]) => [id, schema.vector(input).dense]))
}

function inputOf(history: CustomerHistory, moment: PastMoment, { currency, zone }: FeatureSources) {
  const { triggerKind, triggerId, decidedAt, traits } = moment
  const known =
    triggerKind === 'event'
      ? { kind: 'event' as const, eventId: triggerId }
      : { kind: 'served' as const, at: decidedAt }
  return featureInputAsOf(history, known, { traits, currency, zone })
}
