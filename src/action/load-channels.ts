import { readdir } from 'node:fs/promises'
import type { ChannelName } from '#contracts/campaign.ts'
import type { Channel } from '#contracts/message.ts'
import type { ChannelFile, ChannelSettings } from './channel-file.ts'

export interface ChannelSet {
  /** Channels that reach people, where configured. */
  real: ReadonlyMap<ChannelName, Channel>
  /** Channels that keep the message here: one for every name. */
  outbox: ReadonlyMap<ChannelName, Channel>
  close(): Promise<void>
}

/** Opens every channel of `channels/`. Two files that serve the same name are a fault of the house. */
export async function loadChannels(settings: ChannelSettings): Promise<ChannelSet> {
  const sets = { people: new Map<ChannelName, Channel>(), nobody: new Map<ChannelName, Channel>() }
  for (const { file, channel } of await channelFiles()) {
    for (const opened of channel.open(settings)) {
      const set = sets[channel.reaches]
      if (set.has(opened.name)) throw new Error(`channels/${file}: ${opened.name} is served already`)
      set.set(opened.name, opened)
    }
  }
  const close = async (): Promise<void> => {
    await Promise.all([...sets.people.values(), ...sets.nobody.values()].map((channel) => channel.close()))
  }
  return { real: sets.people, outbox: sets.nobody, close }
}

/** Every file of `channels/`, by name. */
export async function channelFiles(): Promise<{ file: string; channel: ChannelFile }[]> {
  const folder = new URL('./channels/', import.meta.url)
  const files = (await readdir(folder)).filter((file) => /(?<!\.d)\.[tj]s$/.test(file)).sort()
  return await Promise.all(
    files.map(async (file) => {
      const module = (await import(new URL(file, folder).href)) as { channel?: ChannelFile }
      if (module.channel === undefined) throw new Error(`channels/${file} exports no channel`)
      return { file, channel: module.channel }
    }),
  )
}
