import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CampaignSpec } from '#contracts/campaign.ts'
import { compileTemplate } from '../../../src/creative/compile-template.ts'
import { templateContext } from '../../../src/creative/context.ts'
import { missingVariables } from '../../../src/creative/render.ts'
import { missingByTreatment, templateNeeds } from '../../../src/pipeline/template-needs.ts'

const words = [
  '{{customer.firstName}}',
  '{{customer.[a.b]}}',
  '{{customer.a.b}}',
  '{{offer.percent}}',
  '{{offer.name}}',
  '{{event.properties.page}}',
  '{{#if customer.city}}in {{customer.city}}{{else}}{{offer.percent}}{{/if}}',
  '{{@root.customer.firstName}}',
  '{{links.unsubscribe}}',
]
const text = fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((parts) => parts.join(' '))
const value = fc.constantFrom('Ada', '', 3, null)
const traits = fc.record(
  { firstName: value, city: value, 'a.b': value, a: fc.constantFrom({ b: 1 }, {}) },
  { requiredKeys: [] },
)

test('sorted beforehand, the needs of templates are what walking each of them finds', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ facts: fc.record({ percent: value }, { requiredKeys: [] }), texts: fc.array(text) }),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
      traits,
      fc.boolean(),
      (made, own, hasPage) => {
        const treatments = made.map(({ facts }, i) => ({
          offer: { id: `o${i}`, name: 'Offer', value: 1, facts },
        }))
        const spec = { treatments } as unknown as CampaignSpec
        const templates = made.map(({ texts }, i) =>
          texts.map((html, t) => {
            const template = {
              id: `t${i}-${t}`,
              channel: 'in-app',
              subject: '',
              html,
              text: '',
              defaults: {},
            }
            const result = compileTemplate(template as Parameters<typeof compileTemplate>[0])
            if (result.kind === 'faults') throw new Error(result.faults.join())
            return result.template
          }),
        )
        const about = {
          customerId: 'c1',
          traits: own as Parameters<typeof templateContext>[0]['traits'],
          trigger: { event: { name: 'home', properties: hasPage ? { page: '/a' } : {} } },
          unsubscribeUrl: '',
        }
        const contexts = treatments.map(({ offer }) =>
          templateContext({
            ...about,
            offer: offer as unknown as Parameters<typeof templateContext>[0]['offer'],
          }),
        )
        const walked = templates.map((all, i) =>
          [...new Set(all.flatMap((template) => missingVariables(template, contexts[i]!)))].sort(),
        )
        const found = missingByTreatment(templateNeeds(spec, templates), spec, contexts[0]!)
        expect((found ?? treatments.map(() => [])).map((names) => names.toSorted())).toEqual(walked)
      },
    ),
    { numRuns: 300 },
  )
})
