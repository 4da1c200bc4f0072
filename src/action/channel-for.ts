import { hash } from 'node:crypto'
import type { ChannelName } from '#contracts/campaign.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import type { ChannelSet, Provider } from './open-channels.ts'

/**
 * The providers that the workspace's send mode allows for an address, first choice first. What may not leave,
 * or has no provider configured, goes to the outbox.
 */
export function providersFor(
  channels: ChannelSet,
  settings: Pick<WorkspaceSettings, 'sendMode' | 'allowlist'>,
  message: { channel: ChannelName; address: string; messageId: string },
): readonly Provider[] {
  const real = (channels.real.get(message.channel) ?? []).filter(
    ({ serves }) => serves?.(message.address) ?? true,
  )
  const mayLeave =
    settings.sendMode === 'live' ||
    (settings.sendMode === 'allowlist' && isListed(settings.allowlist, message.address))
  if (!mayLeave || real.length === 0) return [channels.outbox]
  return real.length === 1 ? real : inOrder(real, message.messageId)
}

/**
 * By weight, the same for a message whenever it is asked: weighted rendezvous hashing (Schindelhauer and
 * Schomaker, "Weighted Distributed Hash Tables", SPAA 2005). A provider that is added or removed moves only
 * its own share.
 */
function inOrder(providers: readonly Provider[], messageId: string): Provider[] {
  const scored = providers.map((provider) => {
    const digest = hash('sha256', `${provider.id}\u0000${messageId}`, 'buffer')
    const uniform = (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48
    return { provider, score: -Math.log(uniform) / provider.weight }
  })
  return scored.sort((a, b) => a.score - b.score).map(({ provider }) => provider)
}

function isListed(allowlist: readonly string[], address: string): boolean {
  const wanted = address.toLowerCase()
  const domain = wanted.slice(wanted.lastIndexOf('@'))
  return allowlist.some((entry) => {
    const listed = entry.trim().toLowerCase()
    return listed.startsWith('@') ? wanted.includes('@') && listed === domain : listed === wanted
  })
}
