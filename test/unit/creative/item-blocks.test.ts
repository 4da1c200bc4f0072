import { expect, test } from 'vitest'
import { compileTemplate } from '../../../src/creative/compile-template.ts'
import { preview } from '../../../src/creative/preview.ts'
import { missingVariables, render } from '../../../src/creative/render.ts'
import { compiled, context, template } from './support.ts'

const faultsOf = (html: string, more: object = {}) => {
  const result = compileTemplate(template({ html, ...more }))
  return result.kind === 'faults' ? result.faults : []
}

const items = (viewed: object[]) => ({ ...context({}), items: { viewed } }) as ReturnType<typeof context>
const html = (result: ReturnType<typeof render>) =>
  result.kind === 'rendered' ? result.content.html : result.fault.detail

test('what a block prints is checked before anybody gets it', () => {
  expect(faultsOf('{{#each items.viewed}}{{name}} {{money price currency}}{{/each}}')).toEqual([])
  expect(
    faultsOf('{{#each items.viewed}}{{#if imageUrl}}{{imageUrl}}{{/if}}{{attributes.color}}{{/each}}'),
  ).toEqual([])
  expect(faultsOf('{{items.cart.0.name}} {{item.name}} {{#with item}}{{price}}{{/with}}')).toEqual([])
  expect(faultsOf('{{#each items.viewed}}{{title}}{{/each}}')[0]).toMatch(
    /^items have no title: there is id, name/,
  )
  expect(faultsOf('{{#each items.viewed}}{{#if sale}}x{{/if}}{{/each}}')[0]).toMatch(/^items have no sale/)
  expect(faultsOf('{{item.prize}}')[0]).toMatch(/^items have no prize/)
  expect(faultsOf('{{#each items.seen}}{{name}}{{/each}}')[0]).toMatch(/^there is no items\.seen/)
  expect(faultsOf('{{items.viewed}}')).toEqual([
    'items.viewed is a list: print it inside of {{#each items.viewed}}',
  ])
  expect(faultsOf('{{#each items.viewed}}{{this}}{{/each}}')).toEqual([
    'an item has no text of its own: name a field of it',
  ])
  expect(faultsOf('{{#each items.viewed}}{{attributes}}{{/each}}')).toEqual([
    'name one of the attributes: attributes.color',
  ])
  expect(faultsOf('x', { blocks: { cart: { min: 1, max: 2 } } })).toEqual([
    'blocks.cart: the template does not name items.cart',
  ])
})

test('items that lack what is printed of each are skipped, and no more are shown than are asked for', () => {
  const own = compiled({
    html: '{{#each items.viewed}}{{name}}{{#if imageUrl}}!{{/if}} {{price}};{{/each}}',
    blocks: { viewed: { min: 1, max: 2 } },
  })
  const shown = items([
    { name: 'no price' },
    { name: 'a', price: 1 },
    { name: '', price: 2 },
    { name: 'b', price: 0, imageUrl: 'x' },
    { name: 'c', price: 3 },
  ])
  expect(html(render(own, shown))).toBe('a 1;b! 0;')
})

test('fewer items than demanded: not eligible, rather than an empty block', () => {
  const own = compiled({
    html: '{{#each items.viewed}}{{name}}{{/each}}',
    blocks: { viewed: { min: 2, max: 4 } },
  })
  const one = items([{ name: 'a' }, { price: 1 }])
  expect(missingVariables(own, one)).toEqual(['items.viewed'])
  expect(render(own, one)).toMatchObject({ fault: { code: 'missing_variable', variables: ['items.viewed'] } })
  expect(missingVariables(own, items([{ name: 'a' }, { name: 'b' }]))).toEqual([])
  expect(missingVariables(own, context({}))).toEqual(['items.viewed'])
  const empty = compiled({
    html: '{{#each items.viewed}}{{name}}{{else}}nothing yet{{/each}}',
    blocks: { viewed: { min: 0, max: 4 } },
  })
  expect(html(render(empty, context({})))).toBe('nothing yet')
  const plain = compiled({ html: '{{#each items.viewed}}{{name}}{{/each}}' })
  expect(missingVariables(plain, context({}))).toEqual(['items.viewed'])
})

test('what stands in a catalogue is escaped where it is html', () => {
  const own = compiled({
    html: '{{#each items.viewed}}<a href="{{link}}">{{name}} {{attributes.note}}</a>{{/each}}',
    text: '{{#each items.viewed}}{{name}}{{/each}}',
  })
  const evil = items([
    { name: '<img src=x onerror=alert(1)>', link: 'https://x.example/"><b', attributes: { note: "'&" } },
  ])
  const result = render(own, evil)
  expect(html(result)).toBe(
    '<a href="https://x.example/&quot;&gt;&lt;b">&lt;img src&#x3D;x onerror&#x3D;alert(1)&gt; &#x27;&amp;</a>',
  )
  expect(result).toMatchObject({ content: { text: '<img src=x onerror=alert(1)>' } })
})

test('a preview shows a short block and says that it is short', () => {
  const own = compiled({ html: '<p>{{#each items.viewed}}{{name}}{{/each}}</p>{{customer.name}}' })
  expect(preview(own, items([]))).toMatchObject({
    content: { html: '<p></p>⟨customer.name⟩' },
    missing: ['customer.name', 'items.viewed'],
    faults: [],
  })
})
