import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { CallbackFact, DeliveryKind } from '#contracts/delivery.ts'
import { type CallbackFile, type CallbackRequest, messageTag } from '../callback-file.ts'
import { badSignature, factOf, hmac, sameBytes, verified } from '../callback-parts.ts'
import { replyWord } from '../reply-word.ts'

const settings = z.strictObject({
  authToken: z.string().min(8).describe('The account’s auth token: Twilio signs with it.'),
  helpText: z
    .string()
    .min(1)
    .max(480)
    .default('Reply STOP to get no more messages.')
    .describe('The answer to HELP and INFO.'),
})
type Settings = z.output<typeof settings>

/**
 * Status callbacks and text messages that came in. A request has no time of its own: what was told before is
 * known by the message's id and state. https://www.twilio.com/docs/usage/security#validating-requests
 */
export const callback: CallbackFile<Settings> = {
  vendor: 'twilio',
  channel: 'sms',
  settings,
  async verify(request, { authToken }) {
    const given = Buffer.from(request.headers['x-twilio-signature'] ?? '')
    const { searchParams } = new URL(request.url)
    const bodyHash = searchParams.get('bodySHA256')
    const isJson = /json/i.test(request.headers['content-type'] ?? '')
    if (isJson || bodyHash !== null) {
      const own = createHash('sha256').update(request.body).digest('hex')
      if (!sameBytes(Buffer.from(bodyHash ?? ''), Buffer.from(own)))
        return badSignature('the body is not the one that was signed')
    }
    const signed = isJson || bodyHash !== null ? '' : signedParameters(request.body)
    const isOurs = urlsAsSigned(request.url).some((url) =>
      sameBytes(given, Buffer.from(hmac('sha1', authToken, url + signed).toString('base64'))),
    )
    return isOurs ? verified : badSignature('X-Twilio-Signature does not fit')
  },
  parse(request) {
    const parameters = parametersOf(request)
    const sid = parameters.get('MessageSid') ?? parameters.get('SmsSid') ?? ''
    if (sid === '') return null
    const status = parameters.get('MessageStatus') ?? parameters.get('SmsStatus') ?? ''
    const isInbound = parameters.has('Body') && (status === '' || status === 'received')
    return isInbound ? [replyOf(parameters, sid)] : statusOf(request, parameters, sid, status)
  },
  answer(request, { helpText }) {
    const parameters = parametersOf(request)
    const asksHelp = parameters.has('Body') && wordOf(parameters) === 'help'
    const message = asksHelp ? `<Message>${escapeXml(helpText)}</Message>` : ''
    return {
      contentType: 'text/xml; charset=utf-8',
      body: `<?xml version="1.0" encoding="UTF-8"?><Response>${message}</Response>`,
    }
  },
}

/** Twilio signs its address with the port or without, whichever its own side wrote. */
function urlsAsSigned(url: string): string[] {
  const parts = /^(https?:\/\/)([^/?#]*)(.*)$/is.exec(url)
  if (parts === null) return [url]
  const [, scheme = '', authority = '', rest = ''] = parts
  const port = scheme.toLowerCase() === 'https://' ? ':443' : ':80'
  const bare = authority.replace(/:\d+$/, '')
  const withPort = bare === authority ? `${authority}${port}` : authority
  return [`${scheme}${bare}${rest}`, `${scheme}${withPort}${rest}`]
}

/** Names and values in the order of the names; a name that comes twice has its values sorted, each once. */
function signedParameters(body: Buffer): string {
  const parameters = new URLSearchParams(body.toString())
  return [...new Set(parameters.keys())]
    .sort()
    .map((name) =>
      [...new Set(parameters.getAll(name))]
        .sort()
        .map((value) => name + value)
        .join(''),
    )
    .join('')
}

function parametersOf({ body, headers }: CallbackRequest): URLSearchParams {
  if (!/json/i.test(headers['content-type'] ?? '')) return new URLSearchParams(body.toString())
  try {
    return new URLSearchParams(JSON.parse(body.toString()) as Record<string, string>)
  } catch {
    return new URLSearchParams()
  }
}

/** With Twilio's own opt-out handling the word may be any that its operator chose: it says which sort it is. */
function wordOf(parameters: URLSearchParams) {
  return replyWord(parameters.get('OptOutType') ?? '') ?? replyWord(parameters.get('Body') ?? '')
}

function replyOf(parameters: URLSearchParams, sid: string): CallbackFact {
  const optOut = replyWord(parameters.get('OptOutType') ?? '')
  return factOf({
    id: `${sid}:reply`,
    kind: 'reply',
    address: parameters.get('From') ?? '',
    occurredAt: Number.NaN,
    reason: optOut === null ? (parameters.get('Body') ?? '') : optOut,
  })
}

const kinds: Record<string, DeliveryKind> = {
  sent: 'sent',
  delivered: 'delivered',
  read: 'delivered',
  undelivered: 'soft-bounce',
  failed: 'failed',
}

/** https://www.twilio.com/docs/api/errors: numbers that do not exist, or cannot get text messages. */
const badNumberErrors = new Set(['21211', '21214', '21217', '21614', '30005', '30006'])
const optedOutError = '21610'

function statusOf(
  { url }: CallbackRequest,
  parameters: URLSearchParams,
  sid: string,
  status: string,
): CallbackFact[] {
  const error = parameters.get('ErrorCode') ?? ''
  const told = Object.hasOwn(kinds, status) ? kinds[status] : undefined
  // On its way: accepted, queued, scheduled, sending.
  if (told === undefined) return []
  const hasFailed = told === 'failed' || told === 'soft-bounce'
  const kind =
    hasFailed && badNumberErrors.has(error)
      ? 'hard-bounce'
      : hasFailed && error === optedOutError
        ? 'unsubscribe'
        : told
  return [
    factOf({
      id: `${sid}:${status}`,
      kind,
      messageId: new URL(url).searchParams.get(messageTag) ?? '',
      providerMessageId: sid,
      address: parameters.get('To') ?? '',
      occurredAt: Number.NaN,
      reason: [error, parameters.get('ErrorMessage') ?? ''].filter((text) => text !== '').join(' '),
    }),
  ]
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
