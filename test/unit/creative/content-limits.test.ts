import { describe, expect, test } from 'vitest'
import { templateSchema } from '#contracts/campaign.ts'
import type { RenderedContent } from '#contracts/message.ts'
import { compileTemplate } from '../../../src/creative/compile-template.ts'
import { alwaysOverLimit } from '../../../src/creative/constant-content.ts'
import { limitFault } from '../../../src/creative/content-limits.ts'
import { templateContext } from '../../../src/creative/context.ts'
import { preview } from '../../../src/creative/preview.ts'

function content(over: Partial<RenderedContent>): RenderedContent {
  return { subject: '', html: '', text: '', url: '', data: {}, ...over }
}

describe('content at a limit fits, beyond it does not', () => {
  test.each([
    ['subject', { subjectCharactersMax: 3 }, { subject: 'a🐦c' }, { subject: 'a🐦cd' }],
    ['text', { textCharactersMax: 3 }, { text: 'ü🐦c' }, { text: 'abcd' }],
    [
      'SMS of the default alphabet',
      { smsSegmentsMax: 2 },
      { text: 'a'.repeat(306) },
      { text: 'a'.repeat(307) },
    ],
    ['SMS in UCS-2', { smsSegmentsMax: 1 }, { text: 'ж'.repeat(70) }, { text: 'ж'.repeat(71) }],
    [
      'payload',
      { payloadBytesMax: 8 },
      { subject: 'ü', text: 'abc', url: 'u:x' },
      { subject: 'ü', text: 'abcdefg' },
    ],
    ['custom data', { payloadBytesMax: 7 }, { data: { a: 1 } }, { data: { a: 10 } }],
  ])('%s', (_, limits, fitting, over) => {
    expect(limitFault(content(fitting), limits)).toBeNull()
    expect(limitFault(content(over), limits)).toMatchObject({ code: 'over_limit' })
  })

  test('no limit, no fault; empty data weighs nothing', () => {
    expect(limitFault(content({ text: 'a'.repeat(100_000) }), {})).toBeNull()
    expect(
      limitFault(content({}), { payloadBytesMax: 0, smsSegmentsMax: 1, subjectCharactersMax: 0 }),
    ).toBeNull()
  })

  test('the reason says what is too large, and by how much', () => {
    expect(limitFault(content({ text: `${'a'.repeat(160)}’` }), { smsSegmentsMax: 2 })?.detail).toBe(
      'the text takes 3 SMS (ucs-2), at most 2 are sent',
    )
  })
})

const sms = (text: string) => templateSchema.parse({ id: 'hello', channel: 'sms', text })

test('a template whose own words are too long is known before anybody gets it', () => {
  const limits = { smsSegmentsMax: 1 }
  expect(alwaysOverLimit(sms(`{{customer.name}} ${'a'.repeat(150)}`), limits)).toBeNull()
  expect(alwaysOverLimit(sms(`${'a'.repeat(100)} {{customer.name}} ${'a'.repeat(60)}`), limits)).toMatch(
    /takes 2 SMS/,
  )
  expect(alwaysOverLimit(sms(`{{#if customer.vip}}${'a'.repeat(200)}{{/if}}`), limits)).toBeNull()
  expect(alwaysOverLimit(sms('{{#if'), limits)).toBeNull()
})

test('a preview says which provider would not take it, and shows it', () => {
  const context = templateContext({
    customerId: 'ann',
    traits: { name: 'Ann'.repeat(20) },
    trigger: {},
    offer: { id: 'o', name: 'o', value: 1, available: true, facts: {} },
    unsubscribeUrl: 'https://s.example/u',
  })
  const limits = new Map([
    ['small', { smsSegmentsMax: 1 }],
    ['large', { smsSegmentsMax: 4 }],
  ])
  const whole = compileTemplate(sms(`Hello {{customer.name}} ${'a'.repeat(120)}`))
  if (whole.kind === 'faults') throw new Error(whole.faults.join('; '))
  const { content: shown, faults } = preview(whole.template, context, limits)
  expect(shown?.text).toMatch(/^Hello AnnAnn/)
  expect(faults).toEqual(['over_limit: small: the text takes 2 SMS (gsm-7), at most 1 are sent'])
})
