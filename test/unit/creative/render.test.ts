import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileTemplate } from '../../../src/creative/compile-template.ts'
import { templateContext } from '../../../src/creative/context.ts'
import { preview } from '../../../src/creative/preview.ts'
import { missingVariables, render } from '../../../src/creative/render.ts'
import { compiled, context, template } from './support.ts'

function html(source: string, customer: Record<string, never> | object, properties: object = {}): string {
  const result = render(compiled({ html: source }), context(customer as never, properties as never))
  if (result.kind === 'fault') throw new Error(`${result.fault.code}: ${result.fault.detail}`)
  return result.content.html
}

function faultOf(source: string, customer: object, properties: object = {}) {
  const result = render(compiled({ html: source }), context(customer as never, properties as never))
  return result.kind === 'fault'
    ? { code: result.fault.code, variables: result.fault.variables }
    : result.content.html
}

describe('where a tap leads, and what an app reads', () => {
  const values = context({ name: 'Zoë "Z"' }, { cart: 'c-1', count: 2 })

  test('are templates, in all strings however deep', () => {
    const one = compiled({
      url: 'https://shop.example/cart/{{event.properties.cart}}',
      data: { screen: 'cart', count: 2, list: [{ who: '{{customer.name}}' }, null, true] },
    })
    const result = render(one, values, { urlTransform: (url) => `https://s.example/c/${url.length}` })
    expect(result).toMatchObject({
      content: {
        url: 'https://s.example/c/29',
        data: { screen: 'cart', count: 2, list: [{ who: 'Zoë "Z"' }, null, true] },
      },
    })
  })

  test('miss a variable as every part does', () => {
    const one = compiled({
      url: 'https://shop.example/{{event.properties.no}}',
      data: { a: ['{{customer.no}}'] },
    })
    expect(missingVariables(one, values)).toEqual(['event.properties.no', 'customer.no'])
    expect(render(one, values)).toMatchObject({ kind: 'fault', fault: { code: 'missing_variable' } })
  })

  test('a fault says where in the data it is', () => {
    const result = compileTemplate(template({ data: { a: [{ b: '{{#if' }] } }))
    expect(result).toMatchObject({ kind: 'faults', faults: [expect.stringMatching(/^data\.a\.0\.b: /)] })
  })

  test.each(['javascript:alert(1)', 'data:text/html,x', 'no address'])('%s is not opened', (url) => {
    expect(render(compiled({ url: '{{customer.to}}' }), context({ to: url }))).toMatchObject({
      kind: 'fault',
      fault: { detail: expect.stringContaining('not an address to open') },
    })
  })

  test('an app’s own address is', () => {
    expect(render(compiled({ url: 'myapp://cart' }), values)).toMatchObject({
      content: { url: 'myapp://cart' },
    })
  })
})

describe('escaping', () => {
  test('a value is escaped in html and plain in subject and text', () => {
    const one = compiled({
      subject: 'Hi {{customer.name}}',
      html: '<p>{{customer.name}}</p>',
      text: '{{customer.name}}',
    })
    const result = render(one, context({ name: `<b>Tom & "Ann"</b>` }))
    expect(result).toEqual({
      kind: 'rendered',
      content: {
        subject: 'Hi <b>Tom & "Ann"</b>',
        html: '<p>&lt;b&gt;Tom &amp; &quot;Ann&quot;&lt;/b&gt;</p>',
        text: '<b>Tom & "Ann"</b>',
        url: '',
        data: {},
      },
    })
  })

  test('a value cannot add a header through the subject', () => {
    const one = compiled({ subject: 'Hi {{customer.name}}' })
    const result = render(one, context({ name: 'Eve\r\nBcc: everyone@example.com\u2028x' }))
    expect(result).toMatchObject({ content: { subject: 'Hi Eve Bcc: everyone@example.com x' } })
  })

  test('helpers escape too', () => {
    expect(html('{{upper customer.name}}|{{default customer.nick "<i>"}}', { name: '<b>' })).toBe(
      '&lt;B&gt;|&lt;i&gt;',
    )
  })

  test('no customer value puts a < into the html, and no context makes a render throw', () => {
    const one = compiled({
      subject: '{{default customer.a "s"}}',
      html: `{{default customer.a "x"}}{{#if customer.b}}{{default customer.b "y"}}{{/if}}
        {{#each customer.list}}{{@key}}{{default this "z"}}{{#with this}}{{default a 1}}{{/with}}{{/each}}`,
      text: '{{#unless customer.c}}{{upper (default event.properties.d "w")}}{{/unless}}',
    })
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (a, b, list, d) => {
        const result = render(one, context({ a, b, list } as never, { d } as never))
        if (result.kind === 'rendered') expect(result.content.html).not.toContain('<')
      }),
    )
    const hostile = ['<', '</p><script>', '"><img src=x>', "'<a href='"]
    for (const value of hostile) {
      const result = render(one, context({ a: value, b: value, list: [value, { a: value }] }))
      expect(result).toMatchObject({ kind: 'rendered' })
      expect(JSON.stringify(result)).toContain('&lt;')
      if (result.kind === 'rendered') expect(result.content.html).not.toContain('<')
    }
  })

  test('any JSON as the whole customer neither throws nor prints an object', () => {
    const one = compiled({
      html: '{{customer.a}} {{customer.a.b}} {{customer.toHTML}} {{#with customer.a}}{{b}}{{/with}}',
    })
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'b', 'toHTML', '__proto__'), fc.jsonValue()),
        (customer) => {
          const result = render(one, context(customer as never))
          if (result.kind === 'rendered') expect(result.content.html).not.toContain('[object')
        },
      ),
    )
  })

  test('a value that imitates a safe string stays data', () => {
    expect(faultOf('{{customer.a}}', { a: { toHTML: '<b>' } })).toEqual({
      code: 'missing_variable',
      variables: ['customer.a'],
    })
    expect(faultOf('{{customer.a}}', { a: { toString: 1 } })).toEqual({
      code: 'missing_variable',
      variables: ['customer.a'],
    })
  })
})

describe('variables without value', () => {
  test.each([[undefined], [null], [''], ['  \n'], [{}], [[]]])('%j stops the message', (firstName) => {
    expect(faultOf('Hi {{customer.firstName}},', { firstName })).toEqual({
      code: 'missing_variable',
      variables: ['customer.firstName'],
    })
  })

  test.each([
    [0, 'Hi 0,'],
    [false, 'Hi false,'],
    ['Ann', 'Hi Ann,'],
  ])('%j is a value', (firstName, expected) => {
    expect(html('Hi {{customer.firstName}},', { firstName })).toBe(expected)
  })

  test('a declared default fills the gap, also in a nested object that is not there', () => {
    const one = compiled({
      html: '{{customer.firstName}} of {{customer.address.city}}, {{customer.id}}',
      defaults: { 'customer.firstName': 'friend', 'customer.address.city': 'your town' },
    })
    expect(render(one, context({ id: 'c1', firstName: '' }))).toMatchObject({
      content: { html: 'friend of your town, c1' },
    })
    expect(missingVariables(one, context({}))).toEqual(['customer.id'])
  })

  test('only the branch taken is required', () => {
    const source = '{{#if customer.city}}in {{customer.city}}{{else}}at {{customer.home}}{{/if}}'
    expect(html(source, { city: 'Oslo' })).toBe('in Oslo')
    expect(faultOf(source, {})).toEqual({ code: 'missing_variable', variables: ['customer.home'] })
    expect(html('{{#unless customer.x}}none{{else}}{{customer.x}}{{/unless}}', {})).toBe('none')
  })

  test('an item of a list without value is named', () => {
    const source = '{{#each event.properties.items}}{{name}};{{else}}nothing{{/each}}'
    expect(html(source, {}, { items: [{ name: 'Tea' }, { name: 'Cup' }] })).toBe('Tea;Cup;')
    expect(html(source, {}, {})).toBe('nothing')
    expect(faultOf(source, {}, { items: [{ name: 'Tea' }, {}] })).toEqual({
      code: 'missing_variable',
      variables: ['event.properties.items.1.name'],
    })
  })

  test('what an own property does not hold does not exist', () => {
    expect(faultOf('{{customer.polluted}}', Object.create({ polluted: 'x' }))).toEqual({
      code: 'missing_variable',
      variables: ['customer.polluted'],
    })
  })

  test('the default helper needs one of its arguments', () => {
    expect(html('{{default customer.nick customer.name "you"}}', { name: 'Ann' })).toBe('Ann')
    expect(faultOf('{{default customer.nick customer.name}}', {})).toEqual({
      code: 'missing_variable',
      variables: ['customer.nick'],
    })
  })
})

describe('formatting', () => {
  test('money and dates', () => {
    expect(html('{{money event.properties.total "EUR"}}', {}, { total: 1234.5 })).toBe('€1,234.50')
    expect(html('{{money "7.5" "JPY" locale="ja"}}', {})).toBe('￥8')
    expect(html('{{money 3 "EUR" locale=customer.locale}}', { locale: 'de_DE' })).toBe('3,00\u00a0€')
    expect(html('{{money 3 "EUR" locale=customer.locale}}', { locale: 'klingon!' })).toBe('€3.00')
    expect(html('{{date "2026-03-29T23:30:00Z" "long" zone="Asia/Kathmandu"}}', {})).toBe('March 30, 2026')
  })

  test('what cannot be formatted stops the message', () => {
    expect(faultOf('{{money customer.total "EUR"}}', { total: 'much' })).toMatchObject({
      code: 'template_error',
    })
    expect(faultOf('{{money 1 customer.currency}}', { currency: 'euros' })).toMatchObject({
      code: 'template_error',
    })
    expect(faultOf('{{date customer.day}}', { day: 'soon' })).toMatchObject({ code: 'template_error' })
  })
})

describe('limits', () => {
  test('a loop makes at most 100 passes', () => {
    const items = Array.from({ length: 250 }, (_, index) => index)
    expect(html('{{#each event.properties.items}}x{{/each}}', {}, { items })).toHaveLength(100)
    expect(html('{{#each event.properties.items}}{{#if @last}}{{this}}{{/if}}{{/each}}', {}, { items })).toBe(
      '99',
    )
  })

  test('nested loops together make at most 10,000', () => {
    const list = Array.from({ length: 101 }, () => Array.from({ length: 101 }, () => [1, 2]))
    const source =
      '{{#each event.properties.l}}{{#each this}}{{#each this}}{{this}}{{/each}}{{/each}}{{/each}}'
    expect(faultOf(source, {}, { l: list })).toMatchObject({ code: 'too_large' })
  })

  test('the rendered size is limited, before escaping and after', () => {
    expect(faultOf('{{customer.a}}'.repeat(20), { a: 'a'.repeat(30_000) })).toMatchObject({
      code: 'too_large',
    })
    expect(faultOf('{{customer.a}}'.repeat(10), { a: '<'.repeat(30_000) })).toMatchObject({
      code: 'too_large',
    })
    const items = Array.from({ length: 100 }, () => 1)
    expect(
      faultOf(`{{#each event.properties.items}}${'x'.repeat(6000)}{{/each}}`, {}, { items }),
    ).toMatchObject({
      code: 'too_large',
    })
  })
})

describe('context and preview', () => {
  test('our own fields win over traits of the same name', () => {
    const made = templateContext({
      customerId: 'c1',
      traits: { id: 'forged', firstName: 'Ann' },
      trigger: { event: { name: 'Signed Up', properties: { plan: 'pro' } } },
      offer: { id: 'o1', name: 'Ten off', value: 1, available: true, facts: { name: 'forged', percent: 10 } },
      unsubscribeUrl: 'https://x.example/u/1',
    })
    expect(made.customer).toEqual({ id: 'c1', firstName: 'Ann' })
    expect(made.offer).toEqual({ id: 'o1', name: 'Ten off', percent: 10 })
    expect(made.event).toEqual({ name: 'Signed Up', properties: { plan: 'pro' } })
  })

  test('a preview marks what is missing instead of refusing', () => {
    const shown = preview(
      compiled({
        subject: 'Hi {{customer.firstName}}',
        text: '{{#each event.properties.items}}{{name}} {{/each}}',
      }),
      context({}, { items: [{ name: 'Tea' }, {}] }),
    )
    expect(shown.missing).toEqual(['customer.firstName', 'event.properties.items.1.name'])
    expect(shown.content).toMatchObject({
      subject: 'Hi ⟨customer.firstName⟩',
      text: 'Tea ⟨event.properties.items.1.name⟩ ',
    })
  })
})

test('the html is transformed after rendering', () => {
  const one = compiled({ html: '<p>{{customer.id}}</p>' })
  const result = render(one, context({ id: 'c1' }), { htmlTransform: (rendered) => rendered.toUpperCase() })
  expect(result).toMatchObject({ content: { html: '<P>C1</P>' } })
})
