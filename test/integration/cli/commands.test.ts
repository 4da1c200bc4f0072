import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serverFileName } from '../../../src/serve.ts'
import { shopYaml } from '../api/door-world.ts'
import { type CliWorld, openCliWorld } from './cli-world.ts'

let world: CliWorld
let url: string
beforeAll(async () => {
  world = openCliWorld()
  url = await world.serve()
  writeFileSync(join(world.folder, 'shop.yaml'), shopYaml)
})
afterAll(() => world.close())

/** Posts events and waits until they are applied and every message has its end. */
async function send(events: object[]): Promise<void> {
  const answer = await fetch(`${url}/v1/batch`, {
    method: 'POST',
    body: JSON.stringify({ batch: events, writeKey: 'cli-write-key' }),
  })
  expect(answer.status).toBe(200)
  await settled()
}

async function settled(): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/api/v1/status`, {
      headers: { authorization: 'Bearer cli-admin-key' },
    })
    const { logLag, messages } = (await response.json()) as {
      logLag: number
      messages: { queued: number; sending: number }
    }
    if (logLag === 0 && messages.queued === 0 && messages.sending === 0) return
  }
}

describe('from a definition to a message explained', () => {
  test('apply shows the difference, then makes it', async () => {
    const dry = await world.run(['apply', 'shop.yaml', '--dry-run'])
    expect(dry).toMatchObject({ code: 0, stderr: '' })
    expect(dry.stdout).toContain('+ campaign cart')
    expect(dry.stdout).toContain('Would apply: ')
    const applied = await world.run(['apply', 'shop.yaml', '--json', '--actor', 'bea'])
    expect(applied.code).toBe(0)
    expect(applied.json()).toMatchObject({
      applied: true,
      versions: [{ campaignId: 'cart', version: 1 }, {}],
    })
    const again = await world.run(['apply', '-'], { input: shopYaml })
    expect(again.stdout).toContain('Nothing changes')
  })

  test('a definition that does not fit is 65, and every fault is named', async () => {
    const bad = await world.run(['apply', '-'], { input: shopYaml.replace('goal: order', 'goal: sale') })
    expect(bad).toMatchObject({ code: 65, stdout: '' })
    expect(bad.stderr).toContain('campaigns[0].goal: ')
    expect(bad.stderr).toContain('Nothing was changed.')
    const asJson = await world.run(['apply', '-', '--json'], { input: 'goals: [' })
    expect(asJson.code).toBe(65)
    expect(JSON.parse(asJson.stderr)).toMatchObject({
      error: { exitCode: 65, details: { code: 'invalid_definition' } },
    })
    expect((await world.run(['apply', 'none.yaml'])).code).toBe(65)
  })

  test('a campaign is approved, launched, shown and paused', async () => {
    const early = await world.run(['campaign', 'launch', 'cart'])
    expect(early).toMatchObject({ code: 65, stderr: expect.stringContaining('starling campaign approve') })
    for (const step of ['submit', 'approve', 'launch', 'pause', 'launch']) {
      expect((await world.run(['campaign', step, 'cart', '--actor', 'ann', '--note', 'spring'])).code).toBe(0)
    }
    expect((await world.run(['campaign', 'list'])).stdout).toMatch(/^cart +live +version 6 +Cart reminder$/m)
    const shown = await world.run(['campaign', 'show', 'cart'])
    expect(shown.stdout).toMatch(/^4 +live +\S+ +ann +spring$/m)
    expect((await world.run(['campaign', 'show', 'none'])).code).toBe(65)
  })

  test('a message is explained by its id', async () => {
    await send([
      {
        type: 'identify',
        userId: 'u1',
        messageId: 'm1',
        traits: { email: 'u1@example.com', firstName: 'Uma' },
      },
      { type: 'track', userId: 'u1', messageId: 'm2', event: 'Cart Abandoned' },
    ])
    const response = await fetch(`${url}/api/v1/messages?customer=u1`, {
      headers: { authorization: 'Bearer cli-admin-key' },
    })
    const { items } = (await response.json()) as { items: { id: string; decisionId: string }[] }
    const explained = await world.run(['explain', items[0]?.id ?? ''])
    expect(explained.code).toBe(0)
    expect(explained.stdout).toContain(`Decision ${items[0]?.decisionId}`)
    expect(explained.stdout).toContain('free-shipping/email of cart, variant plain, was drawn')
    expect(explained.stdout).toMatch(/^\S+ +sent$/m)
    expect((await world.run(['explain', 'none'])).code).toBe(65)
    const sent = await world.run(['resolve', items[0]?.id ?? '', 'failed', '--reason', 'not there'])
    expect(sent).toMatchObject({ code: 65, stderr: expect.stringContaining('only an unknown one') })
  })

  test('what came in is listed, and one event shown', async () => {
    // A name may say anything, but nothing to the terminal.
    await send([
      { type: 'track', userId: 'u1', messageId: 'm3', event: 'Bell\u001b[2J', properties: { size: 5 } },
    ])
    const listed = await world.run(['events'])
    expect(listed.stdout).toMatch(/^track +Cart Abandoned +1 /m)
    expect(listed.stdout).toMatch(/^track +Bell·\[2J +1 .* size$/m)
    expect((await world.run(['events', '--json'])).json()).toHaveLength(3)
    const shown = await world.run(['events', 'Bell\u001b[2J'])
    expect(shown.stdout).toMatch(/^size +number +5$/m)
    expect(await world.run(['events', 'Never'])).toMatchObject({ code: 65 })
    expect(await world.run(['events', '--kind', 'click'])).toMatchObject({ code: 64 })
  })

  test('the report is a table, JSON or CSV', async () => {
    expect((await world.run(['report', 'cart'])).stdout).toContain('Cart reminder (cart) · version 6 · live')
    expect((await world.run(['report', 'cart', '--json'])).json()).toMatchObject({ campaignId: 'cart' })
    expect((await world.run(['report', 'cart', '--csv'])).stdout).toMatch(/^campaign_id,version,/)
    expect((await world.run(['report', 'none'])).code).toBe(65)
  })

  test('status, kill switch and send mode', async () => {
    const on = await world.run(['kill-switch', 'on'])
    expect(on.stdout).toContain('nothing is sent')
    expect((await world.run(['status', '--json'])).json()).toMatchObject({
      killSwitch: true,
      sendMode: 'outbox',
    })
    expect((await world.run(['kill-switch', 'off'])).code).toBe(0)
    const mode = await world.run(['send-mode', 'allowlist', '--allow', 'Ada@example.com', '@example.org'])
    expect(mode.stdout).toContain('Listed: ada@example.com, @example.org.')
    expect((await world.run(['send-mode', 'outbox'])).code).toBe(0)
    expect((await world.run(['status'])).stdout).toMatch(/^send mode +outbox: nothing leaves$/m)
  })
})

describe('import', () => {
  test('customers come in by chunks; refused lines keep the file’s numbers', async () => {
    const lines = Array.from({ length: 5200 }, (_, i) => `c${i},c${i}@example.com,"two\nlines"`)
    lines[5100] = ',nobody@example.com,'
    writeFileSync(join(world.folder, 'customers.csv'), `userId,email,note\n${lines.join('\n')}\n`)
    const ran = await world.run(['import', 'customers', 'customers.csv'])
    expect(ran.code).toBe(65)
    // Each row before it holds a line break, and so takes two lines.
    expect(ran.stdout).toContain(`5199 lines imported, 1 refused:\n  line ${1 + 2 * 5100 + 1}: userId`)
    await settled()
    const again = await world.run(['import', 'customers', 'customers.csv', '--json'])
    expect(again.json()).toMatchObject({ imported: 5199, refused: [{ field: 'userId' }] })
  })

  test('suppressions and decisions', async () => {
    writeFileSync(join(world.folder, 's.csv'), 'channel,address,reason\nemail,x@example.com,complaint\n')
    expect(await world.run(['import', 'suppressions', 's.csv'])).toMatchObject({
      code: 0,
      stdout: '1 lines imported.\n',
    })
    writeFileSync(
      join(world.folder, 'd.csv'),
      'userId,campaign,arm,propensity,decidedAt\nu,cart,none,0,2026-01-01\n',
    )
    expect((await world.run(['import', 'decisions', 'd.csv'])).stdout).toContain(
      'line 2: propensity: above 0',
    )
  })

  test('codes of a pool', async () => {
    writeFileSync(join(world.folder, 'codes.csv'), 'code\nA1\nB2\nA1\n')
    const pool = ['coupons', 'pool', 'spring', '--expires', '2040-06-01T00:00:00Z', '--redemptions', '1']
    expect((await world.run(pool)).stdout).toBe('Pool spring is there.\n')
    const ran = await world.run(['coupons', 'import', 'codes.csv', '--pool', 'spring'])
    expect(ran).toMatchObject({ code: 0, stdout: '2 lines imported, 1 were in already.\n' })
    expect((await world.run(['coupons'])).stdout).toMatch(/^spring +2040-06-01T00:00:00.000Z +2 +0 /m)
  })

  test('who is in a segment', async () => {
    const input =
      'segments: [{ id: imported, name: Imported, condition: { trait: email, op: exists, value: true } }]'
    expect((await world.run(['apply', '-'], { input })).code).toBe(0)
    expect((await world.run(['segment', 'size', 'imported'])).stdout).toMatch(
      /^\d{4} customers in imported\.\n$/,
    )
    const listed = await world.run(['segment', 'list', 'imported', '--limit', '2'])
    expect(listed.stdout).toMatch(
      /^customer +email\n([0-9a-f]{32} +\S+@\S+\n){2}There may be more: --limit\.\n$/,
    )
    const none = await world.run(['segment', 'size', 'nobody-yet'])
    expect(none).toMatchObject({ code: 65, stderr: expect.stringContaining('no segment nobody-yet') })
  })

  test('a file that is missing, empty or without its columns', async () => {
    writeFileSync(join(world.folder, 'empty.csv'), '')
    writeFileSync(join(world.folder, 'other.csv'), 'email\na@example.com\n')
    for (const file of ['none.csv', 'empty.csv', 'other.csv']) {
      expect([file, (await world.run(['import', 'customers', file])).code]).toEqual([file, 65])
    }
    expect((await world.run(['import', 'pigeons', 'other.csv'])).code).toBe(64)
  })
})

describe('the command line', () => {
  test('a command line that is wrong is 64', async () => {
    for (const args of [
      [],
      ['fly'],
      ['apply'],
      ['kill-switch', 'maybe'],
      ['status', '--loud'],
      ['campaign'],
    ]) {
      const ran = await world.run(args)
      expect([args, ran.code, ran.stdout]).toEqual([args, 64, ''])
    }
  })

  test('another server is named by address and key', async () => {
    const environment = {
      STARLING_URL: url,
      STARLING_ADMIN_KEY: 'cli-admin-key',
      STARLING_DATA_DIR: '/nowhere',
    }
    expect((await world.run(['status'], { environment })).code).toBe(0)
    const wrong = await world.run(['status'], {
      environment: { ...environment, STARLING_ADMIN_KEY: 'wrong-key' },
    })
    expect(wrong).toMatchObject({ code: 69, stderr: expect.stringContaining('does not take the key') })
    const gone = { ...environment, STARLING_URL: 'http://127.0.0.1:1' }
    expect((await world.run(['status'], { environment: gone })).code).toBe(69)
    const nobody = await world.run(['status', '--data-dir', join(world.folder, 'other')])
    expect(nobody).toMatchObject({ code: 69, stderr: expect.stringContaining('starling serve') })
    expect((await world.run(['status'], { environment: { STARLING_URL: url } })).code).toBe(64)
  })

  test('only its owner may read the address file', () => {
    expect(statSync(join(world.dataDir, serverFileName)).mode & 0o777).toBe(0o600)
  })
})

describe('a broadcast', () => {
  test('is started, watched to its end and cancelled', async () => {
    const sale = readFileSync(new URL('../../../docs/guides/spring-sale.yaml', import.meta.url), 'utf8')
    const now = sale.replace(/broadcast:\n.*\n.*\n/, 'broadcast: {}\n')
    expect((await world.run(['apply', '-'], { input: now })).code).toBe(0)
    await send(
      Array.from({ length: 30 }, (_, i) => ({
        type: 'identify',
        messageId: `reader-${i}`,
        userId: `reader-${i}`,
        traits: { email: `reader-${i}@example.com`, newsletter: true },
      })),
    )
    await world.run(['campaign', 'approve', 'spring-sale', '--actor', 'ann'])
    const started = await world.run(['broadcast', 'start', 'spring-sale', '--actor', 'ann'])
    expect(started).toMatchObject({ code: 0, stdout: expect.stringContaining('run 1, has started among') })
    const watched = await world.run(['broadcast', 'show', 'spring-sale', '--watch'])
    expect(watched.stdout).toMatch(/^spring-sale, run 1: done, started by ann at /)
    expect(watched.stdout).toContain('████████████████████████████████████████ 100 %, done at ')
    expect(watched.stdout).toMatch(/^audience +30$/m)
    const cancelled = await world.run(['broadcast', 'cancel', 'spring-sale', '--note', 'wrong price'])
    expect(cancelled.stdout).toContain('spring-sale is cancelled')
  })
})
