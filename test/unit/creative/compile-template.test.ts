import { describe, expect, test } from 'vitest'
import { compileTemplate, templateBytesMax } from '../../../src/creative/compile-template.ts'
import { createTemplateCache } from '../../../src/creative/template-cache.ts'
import { compiled, template } from './support.ts'

function faultsOf(html: string): string[] {
  const result = compileTemplate(template({ html }))
  return result.kind === 'faults' ? result.faults : []
}

describe('what a template may not say', () => {
  test.each([
    ['{{{customer.name}}}', 'unescaped'],
    ['{{&customer.name}}', 'unescaped'],
    ['{{> footer}}', 'partials'],
    ['{{#> layout}}x{{/layout}}', 'partials'],
    ['{{* decorate}}', 'Decorator'],
    ['{{#* inline "x"}}y{{/inline}}', 'DecoratorBlock'],
    ['{{lookup customer "name"}}', 'lookup is not known'],
    ['{{log customer.name}}', 'log is not known'],
    ['{{#list customer.items}}x{{/list}}', '{{#list}} is not known'],
    ['{{#each customer.items as |item|}}x{{/each}}', 'block parameters'],
    ['{{#each customer.items}}{{../customer.name}}{{/each}}', '@root'],
    ['{{customer.constructor}}', 'constructor is not a variable'],
    ['{{customer.__proto__.x}}', '__proto__ is not a variable'],
    ['{{#if customer.[constructor]}}x{{/if}}', 'constructor is not a variable'],
    ['{{upper (lookup customer "x")}}', 'lookup is not known'],
    ['{{money 1 "EUR" locale=customer.constructor}}', 'constructor is not a variable'],
    ['{{"text"}}', 'literal'],
    ['{{@level}}', '@level is not known'],
    ['{{@index}}', '@index is not known'],
    ['{{#if}}x{{/if}}', 'exactly one'],
    ['{{upper}}', 'helper'],
    ['{{money 1}}', '2 to 2'],
    ['{{customer.name', 'Parse error'],
    ['<script>let a = "{{customer.name}}"</script>', 'scripts'],
    ['{{#if customer.a}}'.repeat(20) + '{{/if}}'.repeat(20), 'nested deeper'],
  ])('%s', (source, detail) => {
    expect(faultsOf(source).join('\n')).toContain(detail)
  })

  test('all faults come together, with part and line', () => {
    const result = compileTemplate(
      template({ subject: '{{{a}}}', html: 'x\n{{> y}}', defaults: { name: 'x' } }),
    )
    expect(result).toEqual({
      kind: 'faults',
      faults: [
        'subject: line 1: unescaped output ({{{…}}} or {{&…}}) is not supported',
        'html: line 2: partials are not supported',
        'defaults: name is not a path such as customer.firstName',
      ],
    })
  })

  test('a part larger than the limit is refused', () => {
    expect(faultsOf('ä'.repeat(templateBytesMax / 2 + 1))).toEqual(['html: larger than 262144 bytes'])
    expect(faultsOf('a'.repeat(templateBytesMax))).toEqual([])
  })

  test('an e-mail has a subject and a body', () => {
    const result = compileTemplate(template({ subject: ' ', html: '', text: '' }))
    expect(result).toMatchObject({
      faults: ['subject: an e-mail needs one', 'html: an e-mail needs html or text'],
    })
  })
})

describe('cache', () => {
  test('equal contents compile once, an edit compiles again', () => {
    const cache = createTemplateCache(10)
    const first = cache.compile(template({ html: 'a' }))
    expect(cache.compile(template({ html: 'a' }))).toBe(first)
    expect(cache.compile(template({ html: 'b' }))).not.toBe(first)
  })

  test('the least recently used goes first', () => {
    const cache = createTemplateCache(2)
    const a = cache.compile(template({ html: 'a' }))
    const b = cache.compile(template({ html: 'b' }))
    cache.compile(template({ html: 'a' }))
    cache.compile(template({ html: 'c' }))
    expect(cache.size).toBe(2)
    expect(cache.compile(template({ html: 'a' }))).toBe(a)
    expect(cache.compile(template({ html: 'b' }))).not.toBe(b)
  })
})

test('the hash covers what is sent and how gaps are filled', () => {
  const base = compiled({ html: 'a' }).contentHash
  expect(compiled({ html: 'a' }).contentHash).toBe(base)
  expect(compiled({ html: 'a', from: 'x@y.example' }).contentHash).not.toBe(base)
  expect(compiled({ html: 'a', defaults: { 'customer.a': 'b' } }).contentHash).not.toBe(base)
})
