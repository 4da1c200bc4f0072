import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startThread } from '#platform/threads/start-thread.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'starling-thread-'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
})
afterEach(() => rmSync(folder, { recursive: true }))

const helper = new URL('../../../src/platform/threads/', import.meta.url)

test('starts a .ts entry, or the compiled .js in its place, and ends it on close', async () => {
  for (const extension of ['ts', 'js']) {
    writeFileSync(
      join(folder, `entry-${extension}.${extension}`),
      `import { parentPort, workerData } from 'node:worker_threads'
       import { onThreadClose } from '${new URL('on-thread-close.ts', helper)}'
       onThreadClose(parentPort, () => parentPort.postMessage('ending'))
       parentPort.postMessage(workerData.greeting)`,
    )
    const entry = pathToFileURL(join(folder, `entry-${extension}.ts`))
    const thread = startThread({ name: 'greeter', entry, workerData: { greeting: extension } })
    expect(await once(thread.worker, 'message')).toEqual([extension])
    const ending = once(thread.worker, 'message')
    await thread.close()
    expect(await ending).toEqual(['ending'])
  }
})

test('an error in a thread, or its unasked end, brings the process down with a message', async () => {
  writeFileSync(join(folder, 'throws.js'), `setImmediate(() => { throw new Error('out of cheese') })`)
  writeFileSync(join(folder, 'ends.js'), '')
  for (const [entry, message] of [
    ['throws', 'the cook thread stopped: out of cheese'],
    ['ends', 'the cook thread stopped: it ended with code 0'],
  ]) {
    const source = `import { startThread } from '${new URL('start-thread.ts', helper)}'
      startThread({ name: 'cook', entry: new URL('${pathToFileURL(join(folder, `${entry}.ts`))}') })
      setInterval(() => {}, 1000)`
    writeFileSync(join(folder, 'main.js'), source)
    const child = spawn(process.execPath, [join(folder, 'main.js')])
    const [output, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect(output).toContain(message)
    expect(code).toBe(1)
  }
})

test('an error while it closes is the answer of close', async () => {
  writeFileSync(
    join(folder, 'fails.js'),
    `import { parentPort } from 'node:worker_threads'
     parentPort.on('message', () => { throw new Error('could not save') })
     parentPort.postMessage('up')`,
  )
  const thread = startThread({ name: 'saver', entry: pathToFileURL(join(folder, 'fails.js')) })
  await once(thread.worker, 'message')
  await expect(thread.close()).rejects.toThrow('the saver thread stopped: could not save')
})
