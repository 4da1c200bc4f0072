import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { CallbackFact } from '#contracts/delivery.ts'
import { receiveFacts } from '../../../src/pipeline/callbacks/receive-facts.ts'
import { keepHouse } from '../../../src/pipeline/keep-house.ts'
import { identify, openEngineOn, track, welcomeFile } from './engine-world.ts'
import { collectStatements, wideReads } from './query-plans.ts'

/** A campaign's sends are as many as its window holds; message events of a kind since an instant likewise. */
const allowed = [/message_events_kind \(workspace=\? AND kind=\? AND occurred_at/, /messages_sent/]

test('callbacks read no more of the ledger than they name', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'starling-callback-plans-'))
  const world = await openEngineOn(folder, { yaml: welcomeFile() })
  await world.take(identify('u1'), track('u1', 'Signed Up', 't1'))
  await world.decide()
  await world.send()
  const messageId = (await world.rows('messages'))[0]!.message_id
  const fact: CallbackFact = {
    id: 'e1',
    kind: 'soft-bounce',
    messageId,
    providerMessageId: '',
    address: 'u1@example.com',
    occurredAt: world.clock.now(),
    reason: '',
  }
  const collector = collectStatements()
  try {
    const { parts, roles } = world.engine
    const mail = { provider: 'p', channel: 'email' as const }
    await receiveFacts(parts, mail, [fact, { ...fact, id: 'e2', messageId: '', providerMessageId: 'x' }])
    await receiveFacts(parts, mail, [{ ...fact, id: 'e3', kind: 'hard-bounce' }])
    await receiveFacts(parts, mail, [{ ...fact, id: 'e4', kind: 'click', url: '/', userAgent: 'Firefox' }])
    await world.decide()
    world.clock.stepTo(world.clock.now() + 2000)
    await roles.worker.fireTimers()
    const texts = { provider: 't', channel: 'sms' as const }
    const reply = { ...fact, kind: 'reply' as const, address: '+4930', messageId: '' }
    await receiveFacts(parts, texts, [{ ...reply, id: 'r1', reason: 'STOP' }])
    await receiveFacts(parts, texts, [{ ...reply, id: 'r2', reason: 'START' }])
    await roles.strategist.watchDeliverability()
    await keepHouse(parts.store, 'main', { now: Date.now(), eventsKeepDays: 400 })
  } finally {
    const statements = collector.stop()
    await world.leave()
    const database = new DatabaseSync(join(folder, 'store.db'))
    const wide = statements
      .filter((text) => /message_events|callback_|held_clicks|attempts|"messages"/.test(text))
      .filter((text) => /^(select|update|delete)\b/i.test(text))
      .flatMap((text) => wideReads(database, text).map((detail) => `${detail}\n    ${text}`))
    database.close()
    rmSync(folder, { recursive: true })
    expect(wide.filter((line) => !allowed.some((pattern) => pattern.test(line)))).toEqual([])
  }
})
