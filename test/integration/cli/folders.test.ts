import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type CliWorld, openCliWorld, untilStored } from './cli-world.ts'

let world: CliWorld
beforeEach(() => {
  world = openCliWorld()
})
afterEach(() => world.close())

async function identify(url: string, userId: string): Promise<void> {
  const batch = [{ type: 'identify', userId, messageId: userId, traits: { plan: 'gold' } }]
  const answer = await fetch(`${url}/v1/batch`, {
    method: 'POST',
    body: JSON.stringify({ batch, writeKey: 'cli-write-key' }),
  })
  expect(answer.status).toBe(200)
  await untilStored(url)
}

async function known(userId: string): Promise<boolean> {
  const file = new DatabaseSync(join(world.dataDir, 'store.db'), { readOnly: true })
  const row = file.prepare('select count(*) as events from events where event_id = ?').get(userId)
  file.close()
  return row?.events === 1
}

test('a backup brings back what was there, and only that', async () => {
  const backup = join(world.folder, 'backup')
  const url = await world.serve()
  await identify(url, 'before')
  expect(await world.run(['backup', 'backup'])).toMatchObject({
    code: 0,
    stdout: `Copied store.db and log.db to ${backup}.\n`,
  })
  await identify(url, 'after')
  expect(await world.run(['restore', backup])).toMatchObject({ code: 73 })
  expect(await world.stop()).toBe(0)
  expect(existsSync(join(world.dataDir, 'server.json'))).toBe(false)

  expect(await world.run(['restore', backup])).toMatchObject({
    code: 65,
    stderr: expect.stringContaining('--replace'),
  })
  expect(await world.run(['restore', backup, '--replace', '--hold'])).toMatchObject({ code: 0 })
  expect([await known('before'), await known('after')]).toEqual([true, false])
  const again = await world.serve()
  expect((await world.run(['status', '--json'])).json()).toMatchObject({ killSwitch: true, logLag: 0 })
  await identify(again, 'after')
  await world.stop()
  expect(await known('after')).toBe(true)
})

test('what is no backup is not restored', async () => {
  expect(await world.run(['restore', world.folder])).toMatchObject({
    code: 65,
    stderr: expect.stringContaining('lacks store.db and log.db'),
  })
  for (const file of ['store.db', 'log.db'])
    writeFileSync(join(world.folder, file), 'no database, but long enough')
  expect(await world.run(['restore', world.folder])).toMatchObject({
    code: 65,
    stderr: expect.stringContaining('is damaged'),
  })
  expect(existsSync(join(world.dataDir, 'store.db'))).toBe(false)
})

test('verify asks the server, and opens the folder itself where none runs, also after a kill', async () => {
  const url = await world.serve()
  await identify(url, 'u1')
  expect(await world.run(['verify'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('No differences.'),
  })
  await world.stop('SIGKILL')
  expect(existsSync(join(world.dataDir, 'server.json'))).toBe(true)
  expect(await world.run(['verify'])).toMatchObject({ code: 0 })

  const file = new DatabaseSync(join(world.dataDir, 'store.db'))
  file.exec(`update customers set profile_json = json_set(profile_json, '$.counts.Bogus',
    json('{"total":1,"firstAt":1,"lastAt":1,"valueMicros":0,"days":[]}'))`)
  file.exec(
    "update customers set profile_json = json_set(profile_json, '$.counts.Bogus.firstAt', 4102444800000)",
  )
  file.close()
  expect(await world.run(['verify'])).toMatchObject({ code: 65, stdout: expect.stringContaining('Bogus') })
  expect(await world.run(['verify', '--repair'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 differences, 1 mended.'),
  })
  expect(await world.run(['verify'])).toMatchObject({ code: 0 })
})

test('a second server on the folder is refused, and one with a wrong setting', async () => {
  await world.serve()
  expect(await world.run(['serve', '--port', '0'])).toMatchObject({
    code: 73,
    stderr: expect.stringContaining('is in use by process'),
  })
  expect(await world.run(['serve', '--port', 'many'])).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('STARLING_PORT'),
  })
})
