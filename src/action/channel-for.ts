import type { ChannelName } from '#contracts/campaign.ts'
import type { Channel } from '#contracts/message.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import type { ChannelSet } from './load-channels.ts'

/**
 * The channel that the workspace's send mode allows for an address. What may not leave, or has no real
 * channel configured, goes to the outbox.
 */
export function channelFor(
  channels: ChannelSet,
  settings: Pick<WorkspaceSettings, 'sendMode' | 'allowlist'>,
  name: ChannelName,
  address: string,
): Channel {
  const outbox = channels.outbox.get(name)
  if (outbox === undefined) throw new Error(`no outbox serves ${name}`)
  if (settings.sendMode === 'outbox') return outbox
  if (settings.sendMode === 'allowlist' && !isListed(settings.allowlist, address)) return outbox
  return channels.real.get(name) ?? outbox
}

function isListed(allowlist: readonly string[], address: string): boolean {
  const wanted = address.toLowerCase()
  const domain = wanted.slice(wanted.lastIndexOf('@'))
  return allowlist.some((entry) => {
    const listed = entry.trim().toLowerCase()
    return listed.startsWith('@') ? wanted.includes('@') && listed === domain : listed === wanted
  })
}
