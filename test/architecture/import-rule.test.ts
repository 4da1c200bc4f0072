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

const planted: Record<string, { file: string; text: string }> = {
  'a room that imports another by path': {
    file: 'decision/planted.ts',
    text: "import { applyEvent } from '../profile/apply-event.ts'\nexport const planted = applyEvent\n",
  },
  'a room that imports another by subpath': {
    file: 'action/planted.ts',
    text: "import { decide } from '#decision/decide.ts'\nexport const planted = decide\n",
  },
  'a type import': {
    file: 'report/planted.ts',
    text: "import type { Sender } from '../action/sender.ts'\nexport type Planted = Sender\n",
  },
  'a leaf that imports a room': {
    file: 'contracts/planted.ts',
    text: "import { decide } from '../decision/decide.ts'\nexport const planted = decide\n",
  },
}

// All in one copy: to look through the house takes seconds.
test('planted violations are caught, each of them, and nothing else', async () => {
  const copy = mkdtempSync(join(tmpdir(), 'starling-imports-'))
  folders.push(copy)
  cpSync(join(project, 'src'), join(copy, 'src'), { recursive: true })
  cpSync(join(project, 'package.json'), join(copy, 'package.json'))
  symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'))
  const files = Object.values(planted)
  for (const { file, text } of files) writeFileSync(join(copy, 'src', file), text)
  const { violations } = await checkImports(copy)
  for (const [what, { file }] of Object.entries(planted))
    expect(violations, what).toContainEqual(expect.stringContaining(`src/${file} →`))
  expect(violations).toHaveLength(files.length)
})
