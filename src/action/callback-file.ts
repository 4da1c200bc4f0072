import type { z } from 'zod'
import type { ChannelName } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { CallbackFact } from '#contracts/delivery.ts'

/** A provider's request as it came: nothing of it may be trusted before it is verified. */
export interface CallbackRequest {
  /** The bytes as received: a signature is over these, not over what a parser makes of them. */
  body: Buffer
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>
  /** The whole address as the provider called it, with its query. */
  url: string
}

export type CallbackVerdict =
  | { kind: 'verified' }
  /** Not by whom it says, or changed on its way. */
  | { kind: 'bad-signature'; detail: string }
  /** Signed long ago: perhaps recorded, and played once more. */
  | { kind: 'stale'; detail: string }
  /** It could not be looked at now: the provider is to come again. */
  | { kind: 'unavailable'; detail: string }

export interface CallbackTools {
  /** The machine's clock. */
  now: InstantMs
  /** For what a vendor keeps at an address of its own: certificates, confirmations. */
  fetch: (url: string) => Promise<{ ok: boolean; text(): Promise<string> }>
}

/** What every file of `callbacks/` exports as `callback`: how one vendor signs and words what it tells. */
export interface CallbackFile<S = unknown> {
  /** `twilio`, `sendgrid`, …: the last part of the address, and the file's name. */
  vendor: string
  channel: ChannelName
  /** What it needs to know of the account; a strict object. */
  settings: z.ZodObject & z.ZodType<S>
  verify(request: CallbackRequest, settings: S, tools: CallbackTools): Promise<CallbackVerdict>
  /** Of a verified request. Null: it is not of the vendor's form. */
  parse(request: CallbackRequest, settings: S): CallbackFact[] | null
  /** What there is to do besides, once it is verified: a subscription to confirm. False: come again. */
  confirm?(request: CallbackRequest, tools: CallbackTools): Promise<boolean>
  /** What the vendor reads of the answer; without it a line of JSON. */
  answer?(request: CallbackRequest, settings: S): { contentType: string; body: string }
}

/** The name under which a provider that takes names and values hands a message's id back to us. */
export const messageTag = 'starling_message'

/** Where a provider calls us back; one that has no names and values of its own carries the message's id there. */
export function callbackUrl(
  publicUrl: string,
  { provider, vendor, messageId }: { provider: string; vendor: string; messageId?: string },
): string {
  const path = `/callbacks/${encodeURIComponent(provider)}/${vendor}`
  const query = messageId === undefined ? '' : `?${messageTag}=${encodeURIComponent(messageId)}`
  return `${publicUrl.replace(/\/+$/, '')}${path}${query}`
}
