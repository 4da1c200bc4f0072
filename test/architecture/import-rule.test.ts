import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checkImports } from './import-rule.ts'

const project = join(import.meta.dirname, '../..')
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

test('rooms import contracts, statistics and platform, never each other', async () => {
  const report = await checkImports(project)
  expect(report.violations).toEqual([])
  // A parser that sees no modules would pass: it must have seen the house.
  expect(report.modules).toBeGreaterThan(100)
})

test.each([
  [
    'a room that imports another by path',
    'decision/planted.ts',
    "import { applyEvent } from '../profile/apply-event.ts'\nexport const planted = applyEvent\n",
  ],
  [
    'a room that imports another by subpath',
    'action/planted.ts',
    "import { decide } from '#decision/decide.ts'\nexport const planted = decide\n",
  ],
  [
    'a type import',
    'report/planted.ts',
    "import type { Sender } from '../action/sender.ts'\nexport type Planted = Sender\n",
  ],
  [
    'a leaf that imports a room',
    'contracts/planted.ts',
    "import { decide } from '../decision/decide.ts'\nexport const planted = decide\n",
  ],
])('a planted violation is caught: %s', async (_, file, text) => {
  const copy = mkdtempSync(join(tmpdir(), 'starling-imports-'))
  folders.push(copy)
  cpSync(join(project, 'src'), join(copy, 'src'), { recursive: true })
  cpSync(join(project, 'package.json'), join(copy, 'package.json'))
  symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'))
  writeFileSync(join(copy, 'src', file), text)
  const report = await checkImports(copy)
  expect(report.violations).toEqual([expect.stringContaining(`src/${file}`)])
})
