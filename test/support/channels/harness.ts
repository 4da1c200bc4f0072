import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { Store } from '#platform/store/store.ts'

/**
 * How the contract suite drives one kind of provider: the file beside this one that has the kind's name
 * exports `startHarness`. The other end is real, or a loopback server that asks strictly for what the vendor's
 * published API demands.
 */
export interface ChannelHarness {
  /** As an operator writes them. */
  settings: Record<string, unknown>
  /** What makes a message one of this channel: its address, and content within its limits. */
  message: Partial<OutgoingMessage> | ((key: string) => Partial<OutgoingMessage>)
  /** Idempotency keys of what the provider took, in its order. */
  received(): Promise<string[]>
  close(): Promise<void>
  /** The rest is demanded of every kind that reaches people. */
  people?: PeopleHarness
}

export interface PeopleHarness {
  /**
   * The idempotency keys of all calls that came, refused ones too. A text: the protocol has no place for one, and
   * why that is.
   */
  attempted: (() => string[]) | string
  /** What the other end found wrong in the calls so far, by the vendor's published API. */
  complaints(): string[]
  /** What may happen to a call, and what the channel must make of it. */
  cases: ChannelCase[]
  /** Classes of results that this kind never has, each with the reason. */
  never?: Partial<Record<ResultClass, string>>
}

/** `transient-wait`: the vendor says for how long. `suppress`: permanent, the address itself is bad. */
export const resultClasses = [
  'transient',
  'transient-wait',
  'permanent',
  'suppress',
  'throttled',
  'unknown',
] as const
export type ResultClass = (typeof resultClasses)[number]

export interface ChannelCase {
  name: string
  /** Makes the next call end so. */
  next(): void
  /** Settings in which this case's channel differs. */
  settings?: Record<string, unknown>
  /** What makes the message one that fares so. */
  message?: Partial<OutgoingMessage>
  result: Partial<SendResult> & Pick<SendResult, 'kind'>
  /** The vendor repeats the call, headers and all, in its answer. */
  echoes?: true
}

export function classOf(result: Partial<SendResult> & Pick<SendResult, 'kind'>): ResultClass | 'sent' {
  if (result.kind === 'permanent' && 'suppress' in result && result.suppress === true) return 'suppress'
  if (result.kind === 'transient' && 'retryAfterMs' in result) return 'transient-wait'
  return result.kind
}

export type StartHarness = (world: { store: Store }) => Promise<ChannelHarness>

/** The harness of a provider whose other end keeps account of its calls. */
export function harnessOver(
  server: Pick<ChannelHarness, 'received' | 'close'> & { attempted(): string[]; complaints(): string[] },
  {
    settings,
    message,
    ...people
  }: Pick<ChannelHarness, 'settings' | 'message'> & Pick<PeopleHarness, 'cases' | 'never'>,
): ChannelHarness {
  const { received, close, attempted, complaints } = server
  return { settings, message, received, close, people: { attempted, complaints, ...people } }
}
