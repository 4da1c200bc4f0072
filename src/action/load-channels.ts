import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { ChannelFile, ChannelTools } from './channel-file.ts'
import { secret } from './secret.ts'

/** A channel file as found: `any`, since each has settings of its own. */
// biome-ignore lint/suspicious/noExplicitAny: its own schema has read what it is opened with
export type AnyChannelFile = ChannelFile<any>

export interface FoundChannel {
  /** As messages to people name it. */
  file: string
  channel: AnyChannelFile
}

/** Every file of `channels/`, then of a folder outside, by name. Two of one kind are a fault. */
export async function channelFiles(outside?: string): Promise<FoundChannel[]> {
  const own = await filesOf(new URL('./channels/', import.meta.url), 'channels/')
  const others =
    outside === undefined ? [] : await filesOf(pathToFileURL(join(outside, '/')), join(outside, '/'))
  const kinds = new Map<string, string>()
  for (const { file, channel } of [...own, ...others]) {
    const known = kinds.get(channel.kind)
    if (known !== undefined) throw new Error(`${file}: the kind ${channel.kind} is that of ${known} already`)
    kinds.set(channel.kind, file)
  }
  return [...own, ...others]
}

const tools: ChannelTools = { z, secret }

async function filesOf(folder: URL, shown: string): Promise<FoundChannel[]> {
  const names = (await readdir(folder)).filter((file) => /(?<!\.d)\.m?[tj]s$/.test(file)).sort()
  return await Promise.all(
    names.map(async (name) => {
      const file = `${shown}${name}`
      const module = (await import(new URL(name, folder).href)) as { channel?: unknown }
      const made = typeof module.channel === 'function' ? module.channel(tools) : module.channel
      const fault = faultOf(made, name)
      if (fault !== null) throw new Error(`${file}: ${fault}`)
      return { file, channel: made as AnyChannelFile }
    }),
  )
}

/** A file from outside was not seen by our compiler. */
function faultOf(made: unknown, name: string): string | null {
  if (typeof made !== 'object' || made === null) return 'exports no channel'
  const { kind, channel, reaches, limits, settings, resends, open } = made as Record<string, unknown>
  if (kind !== name.replace(/\.[^.]+$/, '')) return `its kind is ${String(kind)}: it must be the file's name`
  if (typeof channel !== 'string') return 'channel: which channel does it serve?'
  if (reaches !== 'people' && reaches !== 'nobody') return 'reaches: is people or nobody'
  if (channel === 'every' && reaches === 'people') return 'channel: who reaches people serves one channel'
  if (typeof limits !== 'object' || limits === null) return 'limits: is an object'
  if (typeof (settings as z.ZodType | undefined)?.safeParse !== 'function') return 'settings: is a zod schema'
  if (typeof resends !== 'boolean') return 'resends: is true or false'
  return typeof open === 'function' ? null : 'open: is a function'
}
