import { describe, expect, test } from 'vitest'
import { workspaceFileSchema } from '#contracts/campaign.ts'
import type { Definitions } from '../../../src/campaign/definitions.ts'
import { definitionsAfter } from '../../../src/campaign/definitions.ts'
import { drawCadence } from '../../../src/campaign/draw-cadence.ts'
import { resolveCampaign } from '../../../src/campaign/resolve.ts'
import { parseWorkspaceFile } from '../../../src/campaign/workspace-file.ts'
import { cadenceFile } from '../../integration/cadence/cadence-file.ts'

function resolve(text: string) {
  const parsed = parseWorkspaceFile(text)
  if (!('file' in parsed)) throw new Error(JSON.stringify(parsed.faults))
  const file = workspaceFileSchema.parse(parsed.file)
  const definitions: Definitions = definitionsAfter([], file)
  return resolveCampaign(file.campaigns[0]!, 'campaigns[0]', definitions, ['email'])
}

const faultsOf = (text: string) => {
  const resolved = resolve(text)
  return 'faults' in resolved ? resolved.faults.map(({ field, detail }) => `${field}: ${detail}`) : []
}

const touch = (id: string) =>
  `- { id: ${id}, touch: { treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }] } }`
const branch = (when: string) => `${touch('one')}\n- { id: look, branch: [{ when: ${when}, steps: [] }] }`

test('each touch has treatments of its own, named by the step', () => {
  const resolved = resolve(cadenceFile())
  if (!('spec' in resolved)) throw new Error(JSON.stringify(resolved.faults))
  expect(resolved.spec.treatments.map(({ treatmentId }) => treatmentId)).toEqual([
    'hello/tea/email',
    'extra/cake/email',
    'visitor/tea/email',
    'visitor/cake/email',
    'nudge/cake/email',
    'last/tea/email',
  ])
  expect(resolved.spec.cadence).toMatchObject({
    exit: { onGoal: true, on: [] },
    reentry: 'never',
    inside: 'finish',
  })
})

describe('faults', () => {
  test.each([
    ['an id twice', `${touch('one')}\n${touch('one')}`, 'steps[1].id: one is the id of steps[0] already'],
    ['no touch', '- { id: rest, wait: { days: 1 } }', 'steps: at least one step is a touch'],
    [
      'a click on what comes later',
      `- { id: look, branch: [{ when: { clicked: one }, steps: [] }] }\n${touch('one')}`,
      'steps[0].branch[0].when: no touch one comes before this branch',
    ],
    ['a click on a step that is no touch', branch('{ clicked: look }'), 'no touch look comes before'],
    ['since nothing', branch('{ event: Visited, since: two }'), 'no step two comes before this branch'],
    ['an unknown segment', branch('{ condition: { segment: vip } }'), 'there is no segment vip'],
    [
      'a property without an event',
      branch('{ condition: { property: x, op: eq, value: 1 } }'),
      'properties belong to an event',
    ],
    ['an offer that is not there', touch('one').replace('tea', 'wine'), 'there is no offer wine'],
  ])('%s', (_, steps, fault) => {
    expect(faultsOf(cadenceFile({ steps })).join('\n')).toContain(fault)
  })

  test.each([
    [
      'rules without steps',
      (text: string) => text.replace(/ {4}steps:[\s\S]*/, '    reentry: always\n'),
      'reentry',
    ],
    ['neither treatments nor steps', (text: string) => text.replace(/ {4}steps:[\s\S]*/, ''), 'treatments'],
    ['a placement', (text: string) => text.replace('{ event: Signed Up }', '{ placement: home }'), 'trigger'],
  ])('%s', (_, change, field) => {
    expect(faultsOf(change(cadenceFile())).join('\n')).toContain(`campaigns[0].${field}: `)
  })

  test('an absence of the event after which it is waited for', () => {
    const trigger = '{ absence: { event: Visited, after: Visited, withinHours: 4 } }'
    expect(faultsOf(cadenceFile({ trigger })).join('\n')).toContain('trigger.absence.event: ')
  })
})

test('a cadence is drawn as text', () => {
  const resolved = resolve(cadenceFile({ rules: 'reentry: { afterDays: 3 }' }))
  if (!('spec' in resolved) || resolved.spec.cadence === undefined) throw new Error('no cadence')
  const { goal, cadence } = resolved.spec
  const text = drawCadence({ goal, cadence }, [
    { stepId: 'hello', waiting: 0, passed: 120 },
    { stepId: 'two-days', waiting: 30, passed: 90 },
  ])
  expect(text).toBe(
    `
* hello: tea/email                                     120 passed
. two-days: wait 2 days                                30 waiting, 90 passed
? looked
  - clicked hello
      * extra: cake/email
  - Visited since hello
      . day-more: wait 1 day
      * visitor: tea/email or cake/email
  - otherwise
      * nudge: cake/email
. morning: wait until 09:00 local time, 12 days later
* last: tea/email

left on the goal order; entered again 3 days after the end; this version lets those inside an older one finish
`.trim(),
  )
})
