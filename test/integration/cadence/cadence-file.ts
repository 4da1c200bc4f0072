/**
 * Fourteen days: hello, a wait, a branch on the click, a nudge or an extra, a wait until a local morning, a last
 * word. `inside` and friends go in below the campaign's trigger.
 */
export function cadenceFile({
  rules = '',
  steps = fourteenDays,
  trigger = '{ event: Signed Up }',
  holdout = 0,
  top = '',
}: {
  rules?: string
  steps?: string
  trigger?: string
  holdout?: number
  top?: string
} = {}): string {
  return `
goals: [{ id: order, event: Order Completed, windowHours: 720 }]
offers: [{ id: tea, name: Tea, value: 10 }, { id: cake, name: Cake, value: 10 }]
templates:
  - { id: hello, channel: email, subject: Hello, text: "Tea? {{links.unsubscribe}}" }
  - { id: nudge, channel: email, subject: Still there, text: "Cake? {{links.unsubscribe}}" }
campaigns:
  - id: welcome
    name: Welcome
    goal: order
    trigger: ${trigger}
    holdout: ${holdout}
${rules === '' ? '' : indent(rules, 4)}
    steps:
${indent(steps, 6)}
${top}
`
}

export const fourteenDays = `
- id: hello
  touch: { treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }] }
- id: two-days
  wait: { days: 2 }
- id: looked
  branch:
    - when: { clicked: hello }
      steps:
        - id: extra
          touch: { treatments: [{ offer: cake, channel: email, variants: [{ id: a, template: nudge }] }] }
    - when: { event: Visited, since: hello }
      steps:
        - id: day-more
          wait: { days: 1 }
        - id: visitor
          touch:
            treatments:
              - { offer: tea, channel: email, variants: [{ id: a, template: hello }] }
              - { offer: cake, channel: email, variants: [{ id: a, template: nudge }] }
  otherwise:
    - id: nudge
      touch: { treatments: [{ offer: cake, channel: email, variants: [{ id: a, template: nudge }] }] }
- id: morning
  wait: { untilLocal: '09:00', days: 12 }
- id: last
  touch: { treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }] }
`.trim()

export function indent(text: string, spaces: number): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(spaces))
}
