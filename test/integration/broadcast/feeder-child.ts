import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { openStore, type StoreLocation } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import { createGuardrailRunner } from '../../../src/guardrails/run/evaluate.ts'
import { loadGuardrails } from '../../../src/guardrails/run/load-guardrails.ts'
import { createEventCatalogue } from '../../../src/ingest/catalogue/event-catalogue.ts'
import { createBroadcastFeeder } from '../../../src/pipeline/broadcast/feed-broadcasts.ts'
import { createWorkspaceContexts } from '../../../src/pipeline/workspace-context.ts'

export interface FeederJob {
  location: StoreLocation
  workspace: string
  now: number
  /** The page before whose commit it stands still, and says so. */
  page: number
}

// The feeder of a worker in a process of its own, which will be killed.
const { location, workspace, now, page } = JSON.parse(process.argv[2]!) as FeederJob
// Whoever stands waits to be killed, or for the parent's end.
process.on('message', () => {})
process.on('disconnect', () => process.exit(1))
const store = await openStore(location)
let pages = 0
const standing: Store = {
  ...store,
  transaction: (work, options) =>
    store.transaction(async (tx) => {
      const result = await work(tx)
      if (++pages < page) return result
      process.send?.('stands')
      return new Promise<never>(() => {})
    }, options),
}
const parts = {
  contexts: createWorkspaceContexts(),
  catalogue: createEventCatalogue(),
  decision: { guardrails: createGuardrailRunner(await loadGuardrails()) },
  clock: createSteppedClock(now),
  steadyNowMs: () => performance.now(),
  batchMaxMs: 5,
  triggerMaxAgeMs: 3_600_000,
}
const feeder = createBroadcastFeeder(parts, standing)
while ((await feeder.feed(workspace)) > 0);
