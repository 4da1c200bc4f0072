import { createHash, createHmac } from 'node:crypto'
import { harnessOver, type StartHarness } from './harness.ts'
import {
  commonCases,
  demand,
  jsonOf,
  noAddress,
  noOthers,
  startHttpVendor,
  type VendorCall,
} from './http-vendor.ts'
import { mailFaults } from './mail-check.ts'

const accessKeyId = 'AKIDEXAMPLE'
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'

interface Body {
  Content?: { Raw?: { Data?: string } }
  Destination?: { ToAddresses?: string[] }
  ConfigurationSetName?: string
  EmailTags?: { Name: string; Value: string }[]
}

/** Amazon SES API v2, SendEmail (docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html). */
export const startHarness: StartHarness = async () => {
  const server = await startHttpVendor({
    faultsOf: async (call) => {
      const body = jsonOf<Body>(call.body)
      const raw = Buffer.from(body.Content?.Raw?.Data ?? '', 'base64').toString()
      return [
        ...demand(
          call.method === 'POST' && call.path === '/v2/email/outbound-emails',
          `${call.method} ${call.path}`,
        ),
        ...demand(call.headers['content-type'] === 'application/json', 'content-type'),
        ...demand(signatureOf(call) === call.headers.authorization, 'the signature does not match'),
        ...noOthers(body, ['Content', 'Destination', 'ConfigurationSetName', 'EmailTags'], 'body'),
        ...demand(body.Destination?.ToAddresses?.join() === 'ann@example.com', 'ToAddresses'),
        // "ASCII letters, numbers, underscores, dashes": names and values of tags, at most 256 characters.
        ...demand(
          (body.EmailTags ?? []).every(
            ({ Name, Value }) => /^[\w-]{1,256}$/.test(Name) && /^[\w-]{1,256}$/.test(Value),
          ),
          'EmailTags',
        ),
        ...(await mailFaults(raw)),
      ]
    },
    keyOf: ({ body }) =>
      jsonOf<Body>(body).EmailTags?.find(({ Name }) => Name === 'starling_message')?.Value ?? '',
    accepts: (key) => ({ status: 200, body: JSON.stringify({ MessageId: `ses-${key}` }) }),
  })
  const error = (status: number, type: string, message: string) =>
    server.next({
      status,
      headers: { 'x-amzn-errortype': `${type}:http://internal.amazon.com/coral/com.amazonaws.sesv2/` },
      body: JSON.stringify({ message }),
    })
  return harnessOver(server, {
    settings: {
      region: 'eu-central-1',
      accessKeyId,
      secretAccessKey,
      configurationSet: 'events',
      endpoint: server.url,
    },
    message: {},
    cases: [
      ...commonCases(server),
      {
        name: 'MessageRejected',
        next: error(400, 'MessageRejected', 'Message contains a virus'),
        result: {
          kind: 'permanent',
          suppress: false,
          reason: 'ses_400: MessageRejected Message contains a virus',
        },
      },
      {
        name: 'an identity that is not verified',
        next: error(400, 'MessageRejected', 'Email address is not verified.'),
        result: { kind: 'transient', ofProvider: true },
      },
      {
        name: 'TooManyRequestsException: the rate',
        next: error(429, 'TooManyRequestsException', 'Maximum sending rate exceeded.'),
        result: { kind: 'throttled', retryAfterMs: 1000 },
      },
      {
        name: 'TooManyRequestsException: the day’s quota',
        next: error(429, 'TooManyRequestsException', 'Daily message quota exceeded.'),
        result: { kind: 'throttled', retryAfterMs: 3_600_000 },
      },
      {
        name: 'LimitExceededException',
        next: error(400, 'LimitExceededException', 'too many'),
        result: { kind: 'throttled' },
      },
      {
        name: 'SendingPausedException',
        next: error(400, 'SendingPausedException', 'paused'),
        result: { kind: 'transient', ofProvider: true },
      },
      {
        name: 'SignatureDoesNotMatch',
        next: error(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match'),
        result: { kind: 'transient', ofProvider: true },
      },
      noAddress,
    ],
  })
}

/** The Authorization header that AWS would compute of what arrived. */
function signatureOf({ method, path, headers, body }: VendorCall): string {
  const time = String(headers['x-amz-date'])
  const scope = `${time.slice(0, 8)}/eu-central-1/ses/aws4_request`
  const names = ['content-type', 'host', 'x-amz-date']
  const canonical = `${method}\n${path}\n\n${names.map((name) => `${name}:${headers[name]}\n`).join('')}\n${names.join(';')}\n${digest(body)}`
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`)
  for (const part of scope.split('/')) key = createHmac('sha256', key).update(part).digest()
  const signature = createHmac('sha256', key)
    .update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest(canonical)}`)
    .digest('hex')
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
