import type { ChannelName } from '#contracts/campaign.ts'
import type { Channel, ContentLimits, SendResult } from '#contracts/message.ts'
import type { ProviderSettings } from '#contracts/provider.ts'
import type { ChannelParts } from './channel-file.ts'
import type { AnyChannelFile, FoundChannel } from './load-channels.ts'
import { createRedaction } from './secret.ts'

/** A channel that is open, with what the engine has to know of it. */
export interface Provider extends Channel {
  id: string
  weight: number
  /** Of what it is given; absent: none. */
  limits?: ContentLimits
  /** An unknown result may be sent to it again. */
  resends: boolean
  /** Whether it can take messages to this address. */
  serves?(address: string): boolean
  /** Calls a second by all senders together; absent: as fast as it answers. */
  callsPerSecondMax?: number
  domainCallsPerSecondMax?: Readonly<Record<string, number>>
}

export interface ChannelSet {
  /** Providers that reach people, by the channel that they serve, as configured. */
  real: ReadonlyMap<ChannelName, readonly Provider[]>
  /** Keeps every channel's messages here. */
  outbox: Provider
  close(): Promise<void>
}

/** Opens what is configured, and the outbox. The settings have been checked (`providerFaults`). */
export function openChannels(
  files: readonly FoundChannel[],
  providers: readonly ProviderSettings[],
  parts: Omit<ChannelParts, 'id'>,
): ChannelSet {
  const real = new Map<ChannelName, Provider[]>()
  for (const settings of [...providers, ...builtIn(files, providers)]) {
    const channel = files.find((found) => found.channel.kind === settings.kind)?.channel
    if (channel === undefined) throw new Error(`${settings.id}: no channel file is of kind ${settings.kind}`)
    const name = channel.channel as ChannelName
    real.set(name, [...(real.get(name) ?? []), openProvider(channel, settings, parts)])
  }
  const outboxFile = files.find(({ channel }) => channel.channel === 'every')?.channel
  if (outboxFile === undefined) throw new Error('no channel file keeps messages here')
  const { kind } = outboxFile
  const outbox = openProvider(outboxFile, { id: kind, kind, weight: 1, settings: {} }, parts)
  const close = async (): Promise<void> => {
    await Promise.all([...[...real.values()].flat(), outbox].map((provider) => provider.close()))
  }
  return { real, outbox, close }
}

/** What is there without being configured, where nothing else serves its channel. */
function builtIn(files: readonly FoundChannel[], providers: readonly ProviderSettings[]): ProviderSettings[] {
  const channelOf = (kind: string) => files.find((found) => found.channel.kind === kind)?.channel.channel
  const served = new Set(providers.map(({ kind }) => channelOf(kind)))
  return files
    .filter(({ channel }) => channel.builtIn === true && !served.has(channel.channel))
    .map(({ channel: { kind } }) => ({ id: kind, kind, weight: 1, settings: {} }))
}

/** What is wrong with these providers, each fault with the field it is in. */
export function providerFaults(
  files: readonly FoundChannel[],
  providers: readonly ProviderSettings[],
): string[] {
  return providers.flatMap(({ id, kind, settings }) => {
    const channel = files.find((found) => found.channel.kind === kind)?.channel
    if (channel === undefined || channel.reaches === 'nobody') {
      return [`providers: ${id}: kind: ${kind} is not known; there are ${kindsOf(files).join(', ')}`]
    }
    const parsed = channel.settings.safeParse(settings)
    if (parsed.success) return []
    return parsed.error.issues.map(
      (issue) => `providers: ${id}: ${['settings', ...issue.path].join('.')}: ${issue.message}`,
    )
  })
}

function kindsOf(files: readonly FoundChannel[]): string[] {
  return files.filter(({ channel }) => channel.reaches === 'people').map(({ channel }) => channel.kind)
}

function openProvider(
  file: AnyChannelFile,
  { id, weight, callsPerSecondMax, domainCallsPerSecondMax, settings }: ProviderSettings,
  parts: Omit<ChannelParts, 'id'>,
): Provider {
  const read = file.settings.parse(settings)
  const channel = file.open(read, { ...parts, id })
  const redact = createRedaction(read)
  return {
    id,
    weight,
    limits: file.limits,
    resends: file.resends,
    ...(file.serves === undefined ? {} : { serves: file.serves }),
    ...(callsPerSecondMax === undefined ? {} : { callsPerSecondMax }),
    ...(domainCallsPerSecondMax === undefined ? {} : { domainCallsPerSecondMax }),
    async send(message): Promise<SendResult> {
      try {
        const result = await channel.send(message)
        return 'reason' in result ? { ...result, reason: redact(result.reason) } : result
      } catch (error) {
        throw new Error(redact(String(error)))
      }
    },
    close: () => channel.close(),
  }
}
