import { harnessOver, type StartHarness } from './harness.ts'
import { commonCases, demand, noAddress, startHttpVendor, type VendorCall } from './http-vendor.ts'
import { mailFaults, messageIdOf } from './mail-check.ts'

const apiKey = 'key-3ax6xnjp29jd6fds4gc373sgvjxteol0'

/** Mailgun, `messages.mime` (documentation.mailgun.com, Messages): a form with the fields `to` and `message`. */
export const startHarness: StartHarness = async () => {
  const server = await startHttpVendor({
    faultsOf: async (call) => {
      const form = await formOf(call)
      const message = form?.get('message')
      const basic = `Basic ${Buffer.from(`api:${apiKey}`).toString('base64')}`
      return [
        ...demand(
          call.method === 'POST' && call.path === '/v3/mg.acme.example/messages.mime',
          `${call.method} ${call.path}`,
        ),
        ...demand(call.headers.authorization === basic, 'authorization'),
        ...demand(form !== null, 'no form'),
        ...demand(form?.getAll('to').join() === 'ann@example.com', 'to'),
        ...demand(message instanceof File, 'message is no file'),
        ...[...(form?.keys() ?? [])]
          .filter((name) => !/^(to|message|[ovh]:[\w-]+)$/.test(name))
          .map((name) => `${name} is not in the published form`),
        ...(message instanceof File ? await mailFaults(await message.text()) : []),
      ]
    },
    keyOf: async (call) => {
      const message = (await formOf(call))?.get('message')
      return message instanceof File ? messageIdOf(await message.text()) : ''
    },
    accepts: (key) => ({
      status: 200,
      body: JSON.stringify({ id: `<${key}@acme.example>`, message: 'Queued. Thank you.' }),
    }),
  })
  const error = (status: number, message: string) =>
    server.next({ status, body: JSON.stringify({ message }) })
  return harnessOver(server, {
    settings: { domain: 'mg.acme.example', apiKey, endpoint: server.url },
    message: {},
    cases: [
      ...commonCases(server),
      {
        name: '400: a parameter',
        next: error(400, 'to parameter is not a valid address. please check documentation'),
        result: { kind: 'permanent', suppress: false },
      },
      {
        name: '401: the key, told in plain text',
        next: server.next({ status: 401, headers: { 'content-type': 'text/plain' }, body: 'Forbidden' }),
        result: { kind: 'transient', ofProvider: true, reason: 'mailgun_401: Forbidden' },
      },
      {
        name: '404: a domain that is not ours yet',
        next: error(404, 'Domain not found: mg.acme.example'),
        result: { kind: 'transient', ofProvider: true },
      },
      { name: '429', next: error(429, 'Too many requests'), result: { kind: 'throttled' } },
      noAddress,
    ],
  })
}

/** Read by the platform's own parser of forms. */
async function formOf({ headers, body }: VendorCall): Promise<FormData | null> {
  const type = String(headers['content-type'])
  return await new Response(body, { headers: { 'content-type': type } }).formData().catch(() => null)
}
