import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { apiErrors, eventErrors } from '#contracts/errors.ts'

const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
const headings = [...text.matchAll(/^### (\w+)$/gm)].map((match) => match[1])

test('every code has its heading, and every heading is a code', () => {
  expect(headings).toEqual([...Object.keys(apiErrors), ...Object.keys(eventErrors), 'not_applied'])
})

test('every fault says its status', () => {
  for (const [code, { status }] of Object.entries(apiErrors)) {
    expect(text).toContain(`### ${code}\n\n${status}`)
  }
})

test('every reason of every guardrail stands in the table', async () => {
  const folder = new URL('../../../src/guardrails/', import.meta.url)
  const files = (await readdir(folder)).filter((name) => name.endsWith('.ts'))
  expect(files.length).toBeGreaterThan(9)
  for (const file of files) {
    const source = await readFile(new URL(file, folder), 'utf8')
    const reasons = [...source.matchAll(/'([a-z]+(?:_[a-z]+)+)'/g)].map((match) => match[1])
    expect([file, reasons.length > 0]).toEqual([file, true])
    for (const reason of reasons) {
      expect(text).toMatch(new RegExp(`^\\| \`${file.replace('.ts', '')}\` +\\| \`${reason}\``, 'm'))
    }
  }
})
