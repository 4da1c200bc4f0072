import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { configSchema, environmentName } from '../../../src/config.ts'

const text = readFileSync(new URL('../../../docs/guides/configuration.md', import.meta.url), 'utf8')
const rows = [...text.matchAll(/^\| `(\w+)` +\| `(\w+)` +\| (.*?) +\| (.*?) +\| (.*?) +\|$/gm)]

test('every setting is listed with its name, unit, default and meaning, and no other', () => {
  const listed = rows.map(([, setting, environment, unit, preset, meaning]) => ({
    setting,
    environment,
    unit: unit?.trim(),
    preset: preset?.trim(),
    meaning,
  }))
  const expected = Object.entries(configSchema.shape).map(([setting, schema]) => ({
    setting,
    environment: environmentName(setting),
    unit: unitOf(setting),
    preset: presetOf(schema.safeParse(undefined)),
    meaning: schema.description,
  }))
  expect(listed).toEqual(expected)
})

/** Units stand last in the names of settings. */
function unitOf(setting: string): string {
  if (setting.endsWith('Ms')) return 'ms'
  if (setting.includes('Bytes')) return 'bytes'
  return setting.endsWith('Days') ? 'days' : ''
}

function presetOf(parsed: { success: boolean; data?: unknown }): string {
  if (!parsed.success || parsed.data === undefined) return ''
  return `\`${Array.isArray(parsed.data) ? parsed.data.join(',') : parsed.data}\``
}
