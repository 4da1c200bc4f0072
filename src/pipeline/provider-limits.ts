import type { ChannelName } from '#contracts/campaign.ts'
import type { ContentLimits } from '#contracts/message.ts'
import { channelFiles } from '../action/load-channels.ts'
import type { EngineSettings } from './engine-parts.ts'

/** What the configured providers take at most: by channel, then by their id. */
export type ProviderLimits = ReadonlyMap<ChannelName, ReadonlyMap<string, ContentLimits>>

export async function providerLimits({
  providers,
  channelsDir,
}: Pick<EngineSettings, 'providers' | 'channelsDir'>): Promise<ProviderLimits> {
  const kinds = new Map((await channelFiles(channelsDir)).map(({ channel }) => [channel.kind, channel]))
  const limits = new Map<ChannelName, Map<string, ContentLimits>>()
  for (const { id, kind } of providers) {
    const file = kinds.get(kind)
    if (file === undefined || file.channel === 'every') continue
    limits.set(file.channel, (limits.get(file.channel) ?? new Map()).set(id, file.limits))
  }
  return limits
}
