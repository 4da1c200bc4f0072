import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { describe, expect, test } from 'vitest'
import type { OutgoingMessage } from '#contracts/message.ts'
import { createMailComposer } from '../../../src/action/smtp/compose-mail.ts'
import { createDkimSigner, dkimKeyFault } from '../../../src/action/smtp/dkim.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
const ed25519 = generateKeyPairSync('ed25519')
const pem = (pair: { privateKey: { export(options: object): unknown } }) =>
  pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const keys = [
  { domain: 'acme.example', selector: 'r', privateKey: pem(rsa) },
  { domain: 'acme.example', selector: 'e', privateKey: pem(ed25519) },
]
const rsaPublic = rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
const edPublic = ed25519.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')
const records: Record<string, string> = {
  'r._domainkey.acme.example': `v=DKIM1; k=rsa; p=${rsaPublic}`,
  'e._domainkey.acme.example': `v=DKIM1; k=ed25519; p=${edPublic}`,
}

function outgoing(parts: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    workspace: 'acme',
    channel: 'email',
    messageId: 'm1',
    idempotencyKey: 'm1',
    customerId: 'ann',
    address: 'ann@example.com',
    from: 'Acme Shöp <hello@acme.example>',
    subject: 'Grüße, Ann – ein Betreff, der so lang ist, dass er über mehrere Zeilen geht',
    html: '<p>Hallo <b>Ann</b>  — schön\t</p>  \n\n\n',
    text: 'Hallo Ann — schön \n.\n..dots\n\n',
    url: '',
    data: {},
    headers: {
      'Message-ID': '<m1@acme.example>',
      'List-Unsubscribe': '<https://s.example/u/x>',
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    },
    ...parts,
  }
}

async function signedMail(message: OutgoingMessage): Promise<Buffer> {
  const { from, raw } = createMailComposer().compose(message, Date.now())
  return createDkimSigner(keys).sign(from!, raw)
}

async function verify(mail: Buffer) {
  const { results } = await dkimVerify(mail, {
    resolver: async (name: string, kind: string) => {
      const record = kind === 'TXT' ? records[name] : undefined
      if (record === undefined) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' })
      return [[record]]
    },
    minBitLength: 1024,
  })
  return results.map(({ algo, status, signingHeaders }) => ({
    algo,
    result: status.result,
    headers: (signingHeaders?.keys ?? '').toLowerCase().split(/\s*:\s*/),
  }))
}

describe('signed mails', () => {
  test('are found good by another implementation, with RSA and with Ed25519', async () => {
    const results = await verify(await signedMail(outgoing()))
    expect(results.map(({ algo, result }) => [algo, result]).sort()).toEqual([
      ['ed25519-sha256', 'pass'],
      ['rsa-sha256', 'pass'],
    ])
  })

  test('cover who it is from, what it says and how to unsubscribe; From also against a second one', async () => {
    const mail = (await signedMail(outgoing())).toString()
    for (const tag of mail.matchAll(/ h=([^;]*);/g)) {
      const names = tag[1]!.replace(/\s/g, '').split(':')
      expect(names).toEqual(
        expect.arrayContaining([
          'from',
          'to',
          'subject',
          'date',
          'message-id',
          'mime-version',
          'content-type',
          'list-unsubscribe',
          'list-unsubscribe-post',
        ]),
      )
      expect(names.filter((name) => name === 'from')).toHaveLength(2)
    }
  })

  test('any words survive, also on their way through a relay that folds and pads', async () => {
    const words = fc.string({ unit: 'grapheme', maxLength: 200 })
    const broken = fc.array(
      fc.oneof(words, fc.constantFrom('\n', '\r\n', '\r', ' ', '\t', '.', '\n.\n', '   \n')),
    )
    await fc.assert(
      fc.asyncProperty(words, broken, broken, async (subject, html, text) => {
        const mail = await signedMail(outgoing({ subject, html: html.join(''), text: `t${text.join('')}` }))
        const relayed = mail
          .toString('latin1')
          .replace('\r\nSubject: ', '\r\nSUBJECT:   ')
          .replace('\r\nTo: ', '\r\nTo:\r\n\t')
          .concat('\r\n\r\n')
        for (const own of [mail, Buffer.from(relayed, 'latin1')]) {
          expect((await verify(own)).map(({ result }) => result)).toEqual(['pass', 'pass'])
        }
      }),
      { numRuns: 40 },
    )
  })

  test.each([
    ['the text', (mail: string) => mail.replace('Hallo', 'Holla')],
    ['the subject', (mail: string) => mail.replace('\r\nSubject: ', '\r\nSubject: =?UTF-8?B?eA==?= ')],
    ['the way out', (mail: string) => mail.replace('s.example/u/x', 's.example/u/y')],
    ['a second sender', (mail: string) => mail.replace('\r\nTo: ', '\r\nFrom: <x@evil.example>\r\nTo: ')],
  ])('a change of %s is noticed', async (_, change) => {
    const mail = (await signedMail(outgoing())).toString('latin1')
    const changed = change(mail)
    expect(changed).not.toBe(mail)
    const results = await verify(Buffer.from(changed, 'latin1'))
    expect(results.map(({ result }) => result)).not.toContain('pass')
  })

  test('only those of the key’s domain, and of the domains under it, are signed', async () => {
    const signatures = async (from: string): Promise<number> =>
      (await signedMail(outgoing({ from }))).toString().match(/^DKIM-Signature:/gm)?.length ?? 0
    expect(await signatures('a@acme.example')).toBe(2)
    expect(await signatures('a@news.ACME.example')).toBe(2)
    expect(await signatures('a@other.example')).toBe(0)
    expect(await signatures('a@notacme.example')).toBe(0)
  })

  test('a domain with a key of its own is not signed by its parent’s', async () => {
    const own = { domain: 'news.acme.example', selector: 'n', privateKey: pem(ed25519) }
    const { from, raw } = createMailComposer().compose(outgoing({ from: 'a@news.acme.example' }), Date.now())
    const mail = (await createDkimSigner([...keys, own]).sign(from!, raw)).toString()
    expect([...mail.matchAll(/ d=([^;]+);/g)].map((tag) => tag[1])).toEqual(['news.acme.example'])
  })
})

test('keys that receivers would not accept are refused', () => {
  expect(dkimKeyFault(pem(rsa))).toBeNull()
  expect(dkimKeyFault(pem(ed25519))).toBeNull()
  expect(dkimKeyFault('nonsense')).toContain('no private key')
  expect(dkimKeyFault(pem(generateKeyPairSync('ec', { namedCurve: 'P-256' })))).toContain('RSA or an Ed25519')
  expect(dkimKeyFault(pem(generateKeyPairSync('rsa', { modulusLength: 512 })))).toContain('512 bits')
})
