import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ownFolder } from '#platform/folder-owner.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-owner-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a second process is told who has the folder; the lock dies with its process', async () => {
  const source = `import { ownFolder } from '#platform/folder-owner.ts'
    console.log(ownFolder(process.argv[1]).kind)
    setInterval(() => {}, 1000)`
  const first = spawn(process.execPath, ['--input-type=module', '-e', source, folder])
  const [answer] = await once(first.stdout, 'data')
  expect(String(answer).trim()).toBe('owned')

  const second = ownFolder(folder)
  expect(second).toMatchObject({ kind: 'taken', pid: first.pid })
  if (second.kind === 'taken') {
    expect(second.message).toContain(`the data folder ${folder} is in use by process ${first.pid}`)
    expect(second.message).toContain(`kill ${first.pid}`)
  }
  first.kill('SIGKILL')
  await once(first, 'exit')
  const third = ownFolder(folder)
  expect(third.kind).toBe('owned')
  expect(ownFolder(folder)).toMatchObject({ kind: 'taken', pid: process.pid })
  if (third.kind === 'owned') third.release()
  const fourth = ownFolder(join(folder, 'made', 'here'))
  expect(fourth.kind).toBe('owned')
  if (fourth.kind === 'owned') fourth.release()
})
