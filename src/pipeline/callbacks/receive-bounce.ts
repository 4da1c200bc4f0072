import type { Links } from '../../action/links.ts'
import { parseBounce } from '../../action/parse-bounce.ts'
import { type Received, type ReceiveParts, receiveFacts } from './receive-facts.ts'

/** What reports that came by mail are counted and told as. */
export const mailProvider = 'mail'

export type ReceivedBounce =
  | (Extract<Received, { kind: 'received' }> & { told: number })
  | Exclude<Received, { kind: 'received' }>
  | { kind: 'not-a-report'; detail: string }

/**
 * Takes a mail that came back. A signed address says which message it is about, in whichever workspace; what
 * only repeats our Message-ID counts in the workspace of whoever hands it in, and only where it names the
 * address that we wrote to.
 */
export async function receiveBounce(
  parts: ReceiveParts & { links: Links },
  { workspace, raw, recipient }: { workspace: string; raw: Uint8Array; recipient: string },
): Promise<ReceivedBounce> {
  const parsed = await parseBounce(raw, recipient)
  if (parsed.kind === 'not-a-report') return parsed
  const signed = parsed.recipients
    .map((address) => parts.links.verifyBounce(address))
    .find((id) => id !== null)
  const facts = parsed.facts.map((fact) =>
    signed === undefined ? { ...fact, onlyIn: workspace } : { ...fact, messageId: signed },
  )
  const received = await receiveFacts(parts, { provider: mailProvider, channel: 'email' }, facts)
  return received.kind === 'received' ? { ...received, told: facts.length } : received
}
