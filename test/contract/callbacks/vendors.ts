import { createHash, createHmac, createSign, generateKeyPairSync, sign } from 'node:crypto'
import { EventEmitter } from 'node:events'
import https from 'node:https'
import { EventWebhook } from '@sendgrid/eventwebhook'
import MessageValidator from 'sns-validator'
import { Webhook } from 'svix'
import { getExpectedTwilioSignature, validateRequest } from 'twilio/lib/webhooks/webhooks.js'
import { vi } from 'vitest'
import type { CallbackRequest, CallbackTools } from '../../../src/action/callback-file.ts'

/** One vendor as it signs, by its own package where it has one, and as its own package verifies. */
export interface Vendor {
  settings: Record<string, unknown>
  /** A request with this event of the vendor's, signed at an instant. */
  signed(event: string, at: number): CallbackRequest
  /** An event of the vendor's, as JSON or as a form. */
  event: string
  theirs(request: CallbackRequest): boolean | Promise<boolean>
  /** Each a request with something changed that was signed. */
  changed(request: CallbackRequest, flip: (bytes: Buffer) => Buffer): CallbackRequest[]
  tools?: Partial<CallbackTools>
}

const url = 'https://starling.example/callbacks/p1/vendor'
export const messageId = '50cd0123456789abcdef0123456789ab'

const form = (fields: Record<string, string>): string => new URLSearchParams(fields).toString()

function withHeader(
  request: CallbackRequest,
  name: string,
  flip: (bytes: Buffer) => Buffer,
): CallbackRequest {
  const value = flip(Buffer.from(request.headers[name] ?? '', 'base64')).toString('base64')
  return { ...request, headers: { ...request.headers, [name]: value } }
}

function withBody(request: CallbackRequest, flip: (bytes: Buffer) => Buffer): CallbackRequest {
  return { ...request, body: flip(request.body) }
}

const twilioToken = '12345678901234567890123456789012'
const twilioUrl = `${url}?starling_message=${messageId}`
const twilioParameters = (body: Buffer): Record<string, string | string[]> => {
  const parameters = new URLSearchParams(body.toString())
  const object: Record<string, string | string[]> = {}
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name)
    object[name] = values.length > 1 ? values : values[0]!
  }
  return object
}

const sendGridKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const sendGridPublicKey = sendGridKeys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
const webhook = new EventWebhook()

const svixSecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const svix = new Webhook(svixSecret)

const mailgunKey = 'key-of-the-webhook'

const snsKeys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const snsCertificate = snsKeys.publicKey.export({ type: 'spki', format: 'pem' }).toString()
export const topicArn = 'arn:aws:sns:eu-west-1:123456789012:ses-events'
const snsValidator = new MessageValidator()

/** As Amazon signs: the keys in their order, each with its value. */
export function snsRequest(message: Record<string, string>, version: '1' | '2' = '1'): CallbackRequest {
  const whole: Record<string, string> = {
    SignatureVersion: version,
    SigningCertURL: 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem',
    ...message,
  }
  const keys =
    whole.Type === 'SubscriptionConfirmation'
      ? ['Message', 'MessageId', 'Subject', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
      : ['Message', 'MessageId', 'Subject', 'SubscribeURL', 'Timestamp', 'TopicArn', 'Type']
  const signer = createSign(version === '1' ? 'RSA-SHA1' : 'RSA-SHA256')
  for (const key of keys) if (key in whole) signer.update(`${key}\n${whole[key]}\n`)
  const body = { Signature: signer.sign(snsKeys.privateKey, 'base64'), ...whole }
  return {
    body: Buffer.from(JSON.stringify(body)),
    headers: { 'content-type': 'text/plain; charset=UTF-8', 'x-amz-sns-message-type': whole.Type },
    url,
  }
}

export const snsTools: Partial<CallbackTools> = {
  fetch: async () => ({ ok: true, text: async () => snsCertificate }),
}

function snsMessage(event: string, at: number): Record<string, string> {
  return {
    Type: 'Notification',
    MessageId: createHash('sha256').update(event).digest('hex').slice(0, 36),
    TopicArn: topicArn,
    Subject: 'Amazon SES Email Event Notification',
    Message: event,
    Timestamp: new Date(at).toISOString(),
    UnsubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe',
  }
}

/** The validator fetches the certificate over the network; here it is at hand. */
function theirSnsVerdict({ body }: CallbackRequest): Promise<boolean> {
  const spy = vi.spyOn(https, 'get').mockImplementation(((_url: string, done: (response: object) => void) => {
    const response = Object.assign(new EventEmitter(), { statusCode: 200 })
    queueMicrotask(() => {
      response.emit('data', Buffer.from(snsCertificate))
      response.emit('end')
    })
    done(response)
    return new EventEmitter()
  }) as never)
  return new Promise<boolean>((resolve) => {
    snsValidator.validate(body.toString(), (error) => resolve(error === null))
  }).finally(() => spy.mockRestore())
}

function changedJson(request: CallbackRequest, keys: string[]): CallbackRequest[] {
  return keys.map((key) => {
    const body = JSON.parse(request.body.toString()) as Record<string, string>
    const old = body[key] ?? ''
    body[key] = `${old.slice(0, -1)}${old.endsWith('x') ? 'y' : 'x'}`
    return { ...request, body: Buffer.from(JSON.stringify(body)) }
  })
}

export const vendors: Record<string, Vendor> = {
  twilio: {
    settings: { authToken: twilioToken },
    event: form({
      MessageSid: 'SM1',
      MessageStatus: 'delivered',
      To: '+4915112345678',
      From: '+4930123',
      AccountSid: 'AC1',
      Umlaut: 'grüße & 100 %',
    }),
    signed(event) {
      const body = Buffer.from(event)
      const signature = getExpectedTwilioSignature(twilioToken, twilioUrl, twilioParameters(body))
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'x-twilio-signature': signature,
      }
      return { body, headers, url: twilioUrl }
    },
    theirs: ({ body, headers, url: called }) =>
      validateRequest(twilioToken, headers['x-twilio-signature'] ?? '', called, twilioParameters(body)),
    changed: (request, flip) => [
      withBody(request, flip),
      withHeader(request, 'x-twilio-signature', flip),
      { ...request, url: `${request.url}0` },
    ],
  },
  sendgrid: {
    settings: { publicKey: sendGridPublicKey },
    event: `[{"email":"ann@example.com","timestamp":1780315200,"smtp-id":"<${messageId}@shop.example>","event":"bounce","type":"bounce","status":"5.1.1","reason":"550 5.1.1 no such user","sg_event_id":"e1","sg_message_id":"abc.recvd-1-0"}]\r\n`,
    signed(event, at) {
      const body = Buffer.from(event)
      const timestamp = String(Math.floor(at / 1000))
      const signature = sign('sha256', Buffer.concat([Buffer.from(timestamp), body]), sendGridKeys.privateKey)
      const headers = {
        'content-type': 'application/json',
        'x-twilio-email-event-webhook-signature': signature.toString('base64'),
        'x-twilio-email-event-webhook-timestamp': timestamp,
      }
      return { body, headers, url }
    },
    theirs({ body, headers }) {
      try {
        return webhook.verifySignature(
          webhook.convertPublicKeyToECDSA(sendGridPublicKey),
          body,
          headers['x-twilio-email-event-webhook-signature'] ?? '',
          headers['x-twilio-email-event-webhook-timestamp'] ?? '',
        )
      } catch {
        return false
      }
    },
    changed: (request, flip) => [
      withBody(request, flip),
      withHeader(request, 'x-twilio-email-event-webhook-signature', flip),
      // A parser would not see the difference.
      { ...request, body: request.body.subarray(0, -2) },
    ],
  },
  resend: {
    settings: { secret: svixSecret },
    event: JSON.stringify({
      type: 'email.bounced',
      created_at: '2026-06-01T12:00:00.000Z',
      data: {
        email_id: 'r-1',
        to: ['ann@example.com'],
        tags: { starling_message: messageId },
        bounce: { type: 'Permanent', subType: 'General', message: 'no such user' },
      },
    }),
    signed(event, at) {
      const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
      const headers = {
        'content-type': 'application/json',
        'svix-id': id,
        'svix-timestamp': String(Math.floor(at / 1000)),
        'svix-signature': `v1,bm90IHRoaXMgb25l ${svix.sign(id, new Date(at), event)}`,
      }
      return { body: Buffer.from(event), headers, url }
    },
    theirs({ body, headers }) {
      try {
        svix.verify(body, headers as Record<string, string>)
        return true
      } catch {
        return false
      }
    },
    changed: (request, flip) => [
      withBody(request, flip),
      { ...request, headers: { ...request.headers, 'svix-id': 'msg_other' } },
      { ...request, headers: { ...request.headers, 'svix-signature': 'v1,bm90IHRoaXMgb25l' } },
    ],
  },
  mailgun: {
    settings: { signingKey: mailgunKey },
    event: JSON.stringify({
      id: 'mg-1',
      event: 'failed',
      severity: 'permanent',
      timestamp: 1780315200.25,
      recipient: 'ann@example.com',
      message: { headers: { 'message-id': `${messageId}@shop.example` } },
      'delivery-status': { code: 550, description: 'no such user' },
    }),
    signed(event, at) {
      const timestamp = String(Math.floor(at / 1000))
      const token = 'a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0'
      const signature = createHmac('sha256', mailgunKey).update(timestamp).update(token).digest('hex')
      const body = `{"signature":{"timestamp":"${timestamp}","token":"${token}","signature":"${signature}"},"event-data":${event}}`
      return { body: Buffer.from(body), headers: { 'content-type': 'application/json' }, url }
    },
    // Mailgun has no verifier of its own; its documentation has this line.
    theirs({ body }) {
      const { timestamp, token, signature } = JSON.parse(body.toString()).signature
      return (
        createHmac('sha256', mailgunKey)
          .update(timestamp + token)
          .digest('hex') === signature
      )
    },
    changed: (request) =>
      ['timestamp', 'token', 'signature'].map((key) => {
        const body = JSON.parse(request.body.toString())
        const old = String(body.signature[key])
        body.signature[key] = old.slice(0, -1) + (old.endsWith('1') ? '2' : '1')
        return { ...request, body: Buffer.from(JSON.stringify(body)) }
      }),
  },
  ses: {
    settings: { topicArn },
    tools: snsTools,
    event: JSON.stringify({
      eventType: 'Bounce',
      bounce: {
        bounceType: 'Permanent',
        bounceSubType: 'General',
        timestamp: '2026-06-01T12:00:00.000Z',
        bouncedRecipients: [
          { emailAddress: 'ann@example.com', status: '5.1.1', diagnosticCode: 'smtp; 550 no such user' },
        ],
      },
      mail: {
        messageId: 'ses-1',
        destination: ['ann@example.com'],
        headers: [{ name: 'Message-ID', value: `<${messageId}@shop.example>` }],
      },
    }),
    signed: (event, at) => snsRequest(snsMessage(event, at)),
    theirs: theirSnsVerdict,
    changed: (request) => changedJson(request, ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Subject']),
  },
}
