import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChannelName } from '#contracts/campaign.ts'
import {
  capCampaignKey,
  decodeEntries,
  encodeEntries,
  entriesMax,
  entriesOf,
  entryOf,
  entryWidth,
  instantText,
  messageKeyOf,
} from '#platform/cache/cap-entries.ts'

describe('kept sends', () => {
  test('come back as they were, each of one width', () => {
    const entry = fc.record({
      at: fc.integer({ min: 0, max: 9_999_999_999_999 }),
      channel: fc.constantFrom<ChannelName[]>('email', 'sms', 'push', 'in-app', 'webhook'),
      campaignId: fc.stringMatching(/^[a-z0-9-]{1,63}$/),
      messageId: fc.stringMatching(/^[0-9a-f]{32}$/),
    })
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (sends) => {
        const entries = sends.map(entryOf)
        const text = encodeEntries(entries)
        expect(text.length).toBe(sends.length * entryWidth)
        expect(decodeEntries(`1${text}`, 1)).toEqual(entries)
      }),
    )
  })

  test('read as a person would write them', () => {
    const send = {
      at: 1_780_401_600_000,
      channel: 'sms',
      campaignId: 'welcome',
      messageId: `${'0'.repeat(24)}deadbeef`,
    } as const
    // 12 digits of SHA-256 of "campaign", NUL, "welcome": printf 'campaign\0welcome' | sha256sum
    expect(encodeEntries([entryOf(send)])).toBe('1780401600000sb9658968460bdeadbeef')
  })

  test('compare as numbers do, whatever their length', () => {
    const instant = fc.integer({ min: 0, max: 9_999_999_999_999 })
    fc.assert(fc.property(instant, instant, (a, b) => instantText(a) < instantText(b) === a < b))
    expect(instantText(-5)).toBe('0000000000000')
  })

  test('of many only the newest are kept', () => {
    const slots = Array.from({ length: entriesMax + 10 }, (_, i) => ({
      messageId: String(i).padStart(32, '0'),
      channel: 'email' as const,
      campaignId: 'welcome',
      state: 'sent' as const,
      at: i,
      transactional: false,
    }))
    const kept = entriesOf(slots, 0)
    expect([kept.length, kept[0]?.at, kept.at(-1)?.at]).toEqual([entriesMax, entriesMax + 9, 10])
  })

  test('ids of another shape have keys too', () => {
    expect(messageKeyOf('abc')).toMatch(/^[0-9a-f]{8}$/)
    expect(messageKeyOf('abc')).not.toBe(messageKeyOf('abd'))
    expect(capCampaignKey('a')).not.toBe(capCampaignKey('b'))
  })
})
