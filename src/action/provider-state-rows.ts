import type { StoreScope, StoreTransaction } from '#platform/store/store.ts'
import type { ProviderState } from './dispatch/dispatcher.ts'
import type { ChannelSet } from './open-channels.ts'

/** A sender that has not written for that long is gone. */
const goneAfterMs = 120_000

/** Writes how this sender finds its providers; forgets senders that are gone. */
export async function saveProviderStates(
  tx: StoreTransaction,
  owner: string,
  channels: ChannelSet,
  states: readonly ProviderState[],
  wallNow: number,
): Promise<void> {
  const known = new Map(
    [...channels.real].flatMap(([channel, own]) =>
      own.map((provider) => [provider.id, { channel, provider }] as const),
    ),
  )
  const rows = states.flatMap(({ id, state, reason, retryAt }) => {
    const found = known.get(id)
    if (found === undefined) return []
    return {
      owner,
      provider: id,
      channel: found.channel,
      weight_milli: Math.round(found.provider.weight * 1000),
      state,
      reason: reason.slice(0, 200),
      retry_at: Math.round(retryAt),
      updated_at: wallNow,
    }
  })
  if (rows.length > 0) {
    await tx.systemBulk('provider_states', rows, {
      key: ['owner', 'provider'],
      update: ['channel', 'weight_milli', 'state', 'reason', 'retry_at', 'updated_at'],
    })
  }
  await tx.system
    .deleteFrom('provider_states')
    .where('provider_states.updated_at', '<', wallNow - goneAfterMs)
    .execute()
}

export interface ProviderStatus {
  id: string
  channel: string
  weight: number
  /** The worst that any sender finds. */
  state: ProviderState['state']
  reason: string
  retryAt: number | null
  /** How many senders say so of how many. */
  sendersOut: number
  senders: number
}

const worst: ProviderState['state'][] = ['open', 'half-open', 'paused', 'closed']

/** Every provider as the living senders find it. */
export async function listProviderStates(scope: StoreScope, wallNow: number): Promise<ProviderStatus[]> {
  const rows = await scope.system
    .selectFrom('provider_states')
    .selectAll('provider_states')
    .where('provider_states.updated_at', '>=', wallNow - goneAfterMs)
    .orderBy('provider_states.provider')
    .execute()
  return [...Map.groupBy(rows, (row) => row.provider)].map(([id, own]) => {
    const shown = own.toSorted((a, b) => worst.indexOf(a.state) - worst.indexOf(b.state))[0]!
    return {
      id,
      channel: shown.channel,
      weight: shown.weight_milli / 1000,
      state: shown.state,
      reason: shown.reason,
      retryAt: shown.retry_at === 0 ? null : shown.retry_at,
      sendersOut: own.filter((row) => row.state !== 'closed').length,
      senders: own.length,
    }
  })
}
