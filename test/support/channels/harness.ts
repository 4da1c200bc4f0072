import type { OutgoingMessage } from '#contracts/message.ts'
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
  message: Partial<OutgoingMessage>
  /** Idempotency keys of what the provider took, in its order. */
  received(): Promise<string[]>
  close(): Promise<void>
}

export type StartHarness = (world: { store: Store }) => Promise<ChannelHarness>
