import type { Dispatcher } from '../action/dispatch/dispatcher.ts'
import type { ChannelSet } from '../action/open-channels.ts'
import { saveProviderStates } from '../action/provider-state-rows.ts'
import { waitingLines } from '../action/waiting.ts'
import { listWorkspaces } from '../campaign/workspaces.ts'
import type { RoleParts } from './engine-parts.ts'

/** What a sender's providers are like, for those who ask the store; and what stands in the ledger, for its lines. */
export interface ProviderReport {
  /** At the start and now and then: lines as they stand in the ledger, states though nothing changed. */
  refresh(): Promise<void>
  tellChanges(): Promise<void>
}

export function createProviderReport({
  parts,
  channels,
  dispatcher,
}: {
  parts: RoleParts
  channels: ChannelSet
  dispatcher: Dispatcher
}): ProviderReport {
  const { store, clock, wallClock, settings } = parts
  const providers = [...channels.real.values()].flat()
  let told = ''

  const tell = async (isDue: boolean): Promise<void> => {
    const states = dispatcher.states(providers)
    const key = JSON.stringify(states)
    if (providers.length === 0 || (!isDue && key === told)) return
    told = key
    await store.transaction((tx) => saveProviderStates(tx, settings.owner, channels, states, wallClock.now()))
  }

  return {
    async refresh() {
      if (providers.length === 0) return
      const aheadMs = new Map<string, number>()
      for (const { workspace } of await listWorkspaces(store.read)) {
        for (const { line, expectedAt } of await waitingLines(store.read.workspace(workspace))) {
          aheadMs.set(line, Math.max(aheadMs.get(line) ?? 0, expectedAt - clock.now()))
        }
      }
      dispatcher.restore(aheadMs)
      await tell(true)
    },
    tellChanges: () => tell(false),
  }
}
