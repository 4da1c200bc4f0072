import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import { e164 } from '#platform/phone/e164.ts'
import type { ChannelFile } from '../channel-file.ts'
import { answerTimeoutMs } from '../http/http-settings.ts'
import { createRedactor } from '../http/redact.ts'
import { secret } from '../secret.ts'
import { deliveredFacts } from '../smpp/delivered-facts.ts'
import { createSmppClient, type SmppClient } from '../smpp/smpp-client.ts'
import { smppResult } from '../smpp/smpp-result.ts'
import { submitFields } from '../smpp/submit-fields.ts'

const settings = z.strictObject({
  url: z.url({ protocol: /^s?smpp$/ }).describe('`smpp://host:2775`, or `ssmpp://host:3550` over TLS.'),
  systemId: z.string().min(1).max(15),
  password: secret().refine((own) => own.reveal().length <= 8, { error: 'has at most 8 characters' }),
  systemType: z.string().max(12).default(''),
  from: z
    .string()
    .regex(/^(\+[1-9]\d{6,14}|\d{3,8}|[A-Za-z0-9 ]{1,11})$/)
    .describe('Sender: a number in E.164, a short code, or up to 11 letters and digits.'),
  longMessages: z.enum(['udh', 'payload']).default('udh'),
  windowMax: z.int().min(1).max(100).default(10).describe('Most requests without an answer.'),
  answerTimeoutMs,
})
type Settings = z.infer<typeof settings>

const receiptPatienceMs = 2000

/** SMS over SMPP 3.4: one transceiver bind, by which receipts and replies come back. The protocol knows no idempotency key. */
export const channel: ChannelFile<Settings> = {
  kind: 'smpp',
  channel: 'sms',
  reaches: 'people',
  limits: { smsSegmentsMax: 10 },
  settings,
  resends: false,
  open(own, { id, wallClock, report }) {
    const { hostname: host, port, protocol } = new URL(own.url)
    const tls = protocol === 'ssmpp:'
    const client = createSmppClient(
      {
        ...own,
        password: own.password.reveal(),
        host,
        port: port === '' ? (tls ? 3550 : 2775) : Number(port),
        tls,
        connectTimeoutMs: 10_000,
        enquireEveryMs: 30_000,
      },
      async (pdu) => {
        const facts = deliveredFacts(pdu, wallClock.now(), `${pdu.sequence_number}:${wallClock.now()}`)
        const source = { provider: id, channel: 'sms' as const }
        // A receipt may be here before the answer that it is about has been stored.
        if ((await report?.(source, facts)) === false) {
          await pause(receiptPatienceMs)
          await report?.(source, facts)
        }
        return true
      },
    )
    const redact = createRedactor([own.password.reveal()])
    let reference = 0
    return {
      async send(message): Promise<SendResult> {
        reference = (reference + 1) % 256
        const result = await sendParts(client, message, own, reference)
        return 'reason' in result ? { ...result, reason: redact(result.reason) } : result
      },
      close: () => client.close(),
    }
  },
}

/** Part after part. What follows a part that was taken cannot be undone: its fault leaves the message unknown. */
async function sendParts(
  client: SmppClient,
  message: OutgoingMessage,
  own: Settings,
  reference: number,
): Promise<SendResult> {
  const to = e164(message.address)
  if (to === undefined) return { kind: 'permanent', reason: 'bad_number', suppress: true }
  if (message.text === '') return { kind: 'permanent', reason: 'no_text', suppress: false }
  const { from, longMessages } = own
  let first: SendResult | null = null
  for (const fields of submitFields({ from, to, text: message.text, longMessages, reference })) {
    const result = smppResult(await client.submit(fields))
    if (result.kind !== 'sent') {
      if (first === null) return result
      const reason = 'reason' in result ? result.reason : result.kind
      return { kind: 'unknown', reason: `only a part was taken: ${reason}` }
    }
    first ??= result
  }
  return first!
}
