import { expect, test } from 'vitest'
import { type EditVariants, editDefinition } from '../../../src/campaign/edit-variants.ts'

const rename: EditVariants = (variants) =>
  variants.some(({ templateId }) => templateId === 'hello')
    ? variants.map((own) => ({ ...own, id: `${own.id}-v2` }))
    : variants

test('variants are edited wherever treatments stand, and nothing else is', () => {
  const touch = { offer: 'tea', channel: 'email', variants: [{ id: 'a', template: 'hello', weight: 2 }] }
  const body = {
    id: 'welcome',
    treatments: [{ offer: 'tea', channel: 'sms', variants: [{ id: 'a', template: 'short', weight: 1 }] }],
    steps: [{ branch: [{ arms: [{ id: 'first', touch: { treatments: [touch] } }] }] }],
  }
  const edited = editDefinition(body, rename)
  expect(JSON.stringify(edited)).toBe(
    JSON.stringify(body).replace('"a","template":"hello"', '"a-v2","template":"hello"'),
  )
})
