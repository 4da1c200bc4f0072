import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gsmOctets, smsParts, ucs2Octets } from '#platform/sms/sms-segments.ts'

/** Lengths as 3GPP TS 23.038 and 23.040 give them, and as Twilio's page on segments does. */
describe('how many messages a text takes', () => {
  test.each([
    ['nothing', '', 'gsm-7', 1],
    ['160 of the default alphabet', 'a'.repeat(160), 'gsm-7', 1],
    ['161', 'a'.repeat(161), 'gsm-7', 2],
    ['306 = 2 × 153', 'a'.repeat(306), 'gsm-7', 2],
    ['307', 'a'.repeat(307), 'gsm-7', 3],
    ['80 of the extension table, two septets each', '€'.repeat(80), 'gsm-7', 1],
    ['81', '€'.repeat(81), 'gsm-7', 2],
    ['159 and one of the extension table', `${'a'.repeat(159)}{`, 'gsm-7', 2],
    ['all of both tables', '@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ÄÖÑÜ§¿äöñüà^{}\\[~]|€', 'gsm-7', 1],
    ['70 with one that is not', `${'a'.repeat(69)}á`, 'ucs-2', 1],
    ['71', `${'a'.repeat(70)}á`, 'ucs-2', 2],
    ['134 = 2 × 67', `${'a'.repeat(133)}á`, 'ucs-2', 2],
    ['135', `${'a'.repeat(134)}á`, 'ucs-2', 3],
    ['35 emoji, two units each', '😀'.repeat(35), 'ucs-2', 1],
    ['36', '😀'.repeat(36), 'ucs-2', 2],
    ['a typographic quote turns 160 into three', `${'a'.repeat(159)}’`, 'ucs-2', 3],
    ['a backtick is not of the alphabet', '`', 'ucs-2', 1],
    ['the lower-case ç is not either, the upper-case one is', 'ç', 'ucs-2', 1],
  ])('%s', (_, text, encoding, count) => {
    const found = smsParts(text)
    expect([found.encoding, found.parts.length]).toEqual([encoding, count])
  })

  test('an escape is not parted from its character: it begins the next message', () => {
    const { parts } = smsParts(`${'a'.repeat(152)}€${'a'.repeat(20)}`)
    expect(parts).toEqual(['a'.repeat(152), `€${'a'.repeat(20)}`])
  })

  test('nor is a surrogate pair', () => {
    const { parts } = smsParts(`${'á'.repeat(66)}😀${'a'.repeat(20)}`)
    expect(parts).toEqual(['á'.repeat(66), `😀${'a'.repeat(20)}`])
  })

  test('parts join to the text, and each has room', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 500 }), (text) => {
        const { encoding, parts } = smsParts(text)
        expect(parts.join('')).toBe(text)
        const sizes = parts.map((part) => (encoding === 'gsm-7' ? gsmOctets(part).length : part.length))
        const most = { 'gsm-7': [160, 153], 'ucs-2': [70, 67] }[encoding][parts.length === 1 ? 0 : 1]!
        expect(Math.max(...sizes)).toBeLessThanOrEqual(most)
      }),
    )
  })
})

test('octets of the alphabet, as its table has them', () => {
  expect([...gsmOctets('@Δ !a€{à')]).toEqual([0x00, 0x10, 0x20, 0x21, 0x61, 0x1b, 0x65, 0x1b, 0x28, 0x7f])
  expect(ucs2Octets('é😀').toString('hex')).toBe('00e9d83dde00')
})
