import fc from 'fast-check'
import PostalMime from 'postal-mime'
import { describe, expect, test } from 'vitest'
import type { OutgoingMessage } from '#contracts/message.ts'
import { createMailComposer } from '../../../src/action/smtp/compose-mail.ts'
import { textWithEnd } from '../../../src/action/smtp/end-text.ts'

const composer = createMailComposer()
const at = Date.UTC(2026, 2, 2, 12, 0, 5)

function outgoing(parts: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    workspace: 'acme',
    channel: 'email',
    messageId: 'm1',
    idempotencyKey: 'm1',
    customerId: 'ann',
    address: 'ann@example.com',
    from: 'Acme Shop <hello@acme.example>',
    subject: 'Hello',
    html: '<p>Hello</p>',
    text: 'Hello',
    url: '',
    data: {},
    headers: { 'Message-ID': '<m1@acme.example>' },
    ...parts,
  }
}

const compose = (parts: Partial<OutgoingMessage> = {}) => composer.compose(outgoing(parts), at)

/** Line ends are the protocol’s, not the writer’s; how many a text ends with is nobody’s. */
const inLines = (text: string | undefined) => (text ?? '').replace(/\r\n|\r|\n/g, '\n').replace(/\n+$/, '')

/** What UTF-8 can say. */
const words = fc.string({ unit: 'binary' }).map((text) => text.toWellFormed())
const lines = fc
  .array(
    fc.oneof(
      words,
      fc.lorem({ maxCount: 60, mode: 'sentences' }),
      fc.string({ unit: fc.constantFrom('x', 'é', '漢', '😀', ' ', '='), minLength: 70, maxLength: 400 }),
      fc.constantFrom(
        '\n',
        '\r\n',
        '\r',
        '.',
        '\n.',
        '\n..',
        '\nFrom me',
        ' \n',
        '\t\r\n',
        '=_starling',
        '--=_starling',
        '=20',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))

describe('a composed mail', () => {
  test('says what it was given, in whatever letters and lines', async () => {
    await fc.assert(
      fc.asyncProperty(lines, lines, fc.string({ unit: 'grapheme' }), async (html, text, subject) => {
        fc.pre(html !== '' && text !== '')
        const mail = await PostalMime.parse(compose({ html, text, subject }).raw)
        expect(inLines(mail.html)).toBe(inLines(html))
        expect(inLines(mail.text)).toBe(inLines(text))
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they cannot stand in a header
        const plain = subject.replace(/[\u0000-\u001f\u007f]+/g, ' ')
        expect((mail.subject ?? '').trim().replace(/\s+/g, ' ')).toBe(plain.trim().replace(/\s+/g, ' '))
        expect(mail.from).toEqual({ name: 'Acme Shop', address: 'hello@acme.example' })
        expect(mail.to).toEqual([{ name: '', address: 'ann@example.com' }])
        expect(mail.messageId).toBe('<m1@acme.example>')
        expect(mail.date).toBe(new Date(at).toISOString())
      }),
      { numRuns: 300 },
    )
  })

  test('has lines that every relay carries: ASCII, at most 76 characters, none that begins with a dot', () => {
    fc.assert(
      fc.property(lines, lines, (html, text) => {
        fc.pre(html !== '' || text !== '')
        const raw = compose({ html, text }).raw.toString('latin1')
        expect(raw.endsWith('\r\n')).toBe(true)
        expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
        for (const line of raw.split('\r\n')) {
          expect(line).toMatch(/^[\x20-\x7e\t]*$/)
          expect(line.length).toBeLessThanOrEqual(76)
          expect(line).not.toMatch(/^(\.|From )/)
          expect(line).not.toMatch(/[ \t]$/)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('subjects in many words are RFC 2047’s: no word over 75 characters, no character cut in two', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 40, maxLength: 300 }), (subject) => {
        const raw = compose({ subject }).raw.toString('latin1')
        const header = /^Subject: ((?:.*\r\n)(?:[ \t].*\r\n)*)/m.exec(raw)![1]!
        for (const [word, payload = ''] of header.matchAll(/=\?UTF-8\?B\?([^?]*)\?=/g)) {
          expect(word.length).toBeLessThanOrEqual(75)
          expect(Buffer.from(Buffer.from(payload, 'base64').toString()).toString('base64')).toBe(payload)
        }
      }),
    )
  })

  test.each([
    ['subject', { subject: 'Hi\r\nBcc: all@example.com\r\n\r\nbody' }],
    ['subject with bare line ends', { subject: 'Hi\nBcc: all@example.com\rCc: x@y.z' }],
    ['header value', { headers: { 'X-Own': 'a\r\nBcc: all@example.com' } }],
    ['sender', { from: 'A\r\nBcc: all@example.com <hello@acme.example>' }],
  ] as [string, Partial<OutgoingMessage>][])('%s: no header can be brought in', async (_, parts) => {
    const mail = await PostalMime.parse(compose(parts).raw)
    const names = mail.headers.map(({ key }) => key)
    expect(names).not.toContain('bcc')
    expect(names).not.toContain('cc')
    expect(inLines(mail.html)).toBe('<p>Hello</p>')
  })

  test('a name of a header that is none is a fault of the house', () => {
    expect(() => compose({ headers: { 'X: y\r\nBcc': 'z' } })).toThrow('not a header')
  })

  test('only html, only text: one part', async () => {
    const html = await PostalMime.parse(compose({ text: '' }).raw)
    expect([inLines(html.html), html.text]).toEqual(['<p>Hello</p>', undefined])
    expect(compose({ text: '' }).raw.toString()).not.toContain('multipart')
    const text = await PostalMime.parse(compose({ html: '', text: 'Grüße\n' }).raw)
    expect([inLines(text.text), text.html]).toEqual(['Grüße', undefined])
  })

  test('names and domains in other scripts', async () => {
    const composed = compose({ from: 'Größe „Acme“ <hallo@größe.example>', address: 'ann@пример.example' })
    expect(composed).toMatchObject({ from: 'hallo@xn--gre-6ka8i.example', to: 'ann@xn--e1afmkfd.example' })
    const mail = await PostalMime.parse(composed.raw)
    expect(mail.from?.name).toBe('Größe „Acme“')
  })

  test('long subjects in plain letters are folded and read the same', async () => {
    const subject = `${'A subject of plain letters that goes on and on, '.repeat(6)}end`
    const raw = compose({ subject }).raw
    for (const line of raw.toString().split('\r\n')) expect(line.length).toBeLessThanOrEqual(76)
    expect((await PostalMime.parse(raw)).subject).toBe(subject)
  })

  test('a sender that names no address', () => {
    expect(compose({ from: 'Acme Shop' }).from).toBeNull()
    expect(compose({ from: '' }).from).toBeNull()
  })

  test('mostly other letters go in base64: a third of what quoted-printable would make of them', () => {
    const text = '漢字かな交じり文'.repeat(40)
    const raw = compose({ html: '', text }).raw
    expect(raw.toString()).toContain('Content-Transfer-Encoding: base64')
    expect(raw.length).toBeLessThan(Buffer.byteLength(text) * 1.37 + 600)
  })
})

test('a text as it follows DATA: lines that begin with a dot have two', () => {
  const ended = (text: string) => textWithEnd(Buffer.from(text)).toString()
  expect(ended('a\r\n')).toBe('a\r\n.\r\n')
  expect(ended('.\r\n')).toBe('..\r\n.\r\n')
  expect(ended('a\r\n.b\r\n.\r\n..\r\nc.\r\n')).toBe('a\r\n..b\r\n..\r\n...\r\nc.\r\n.\r\n')
})
