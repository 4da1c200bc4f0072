import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Channel, OutgoingMessage } from '#contracts/message.ts'
import type { ProviderSettings } from '#contracts/provider.ts'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import type { Store } from '#platform/store/store.ts'
import type { ChannelParts } from '../../src/action/channel-file.ts'
import { channelFiles } from '../../src/action/load-channels.ts'
import { openChannels, providerFaults } from '../../src/action/open-channels.ts'
import {
  type ChannelHarness,
  classOf,
  resultClasses,
  type StartHarness,
} from '../support/channels/harness.ts'
import { openTestStore } from '../support/test-store.ts'

/**
 * Ours, and one in a folder outside the package. STARLING_TEST_CHANNELS names another such folder, yours: each of
 * its files finds what drives it in `harness/` there, under its own name, as ours do in test/support/channels.
 */
const { STARLING_TEST_CHANNELS: yours } = process.env
const outside = yours ?? fileURLToPath(new URL('../support/outside-channels/', import.meta.url))
const files = await channelFiles(outside)
const harnesses = (file: string): string =>
  yours !== undefined && isAbsolute(file) ? join(yours, 'harness') : '../support/channels'
const logger = { error() {}, warn() {}, info() {}, debug() {} }
let folder: string
let store: Store

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-channels-'))
  store = await openTestStore(folder)
})

afterAll(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

function parts(): ChannelParts {
  return {
    id: 'one',
    store,
    clock: createSteppedClock(0),
    wallClock: createSteppedClock(Date.UTC(2026, 0, 1)),
    random: createSeededRandom(1),
    logger,
    inFlightMax: 8,
    publicUrl: 'https://s.example',
    report: async () => true,
  }
}

function outgoing(messageId: string, over: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    workspace: 'acme',
    channel: 'email',
    messageId,
    idempotencyKey: messageId,
    customerId: 'ann',
    address: 'ann@example.com',
    from: 'Acme <hello@acme.example>',
    subject: 'Grüße 🐦',
    html: '<p>ü</p>',
    text: 'ü',
    url: '',
    data: {},
    headers: { 'Message-ID': `<${messageId}@acme.example>` },
    ...over,
  }
}

describe.each(files)('$file', ({ file: path, channel: file }) => {
  let harness: ChannelHarness
  let channel: Channel
  const fitting = (id: string): OutgoingMessage => {
    const key = `${file.kind}-${id}`
    return outgoing(key, typeof harness.message === 'function' ? harness.message(key) : harness.message)
  }
  const withSettings = (settings: object): Channel =>
    file.open(file.settings.parse({ ...harness.settings, ...settings }), parts())

  beforeAll(async () => {
    const module = (await import(/* @vite-ignore */ `${harnesses(path)}/${file.kind}.ts`)) as {
      startHarness: StartHarness
    }
    harness = await module.startHarness({ store })
    channel = file.open(file.settings.parse(harness.settings), parts())
  })
  afterAll(async () => {
    await channel.close()
    await harness.close()
  })

  test('reads its settings strictly', () => {
    expect(file.settings.safeParse(harness.settings).success).toBe(true)
    expect(file.settings.safeParse({ ...harness.settings, surplus: 1 }).success).toBe(false)
  })

  test('what is a key, a password or a token in its settings is never printed', () => {
    const read = file.settings.parse(harness.settings)
    const shown = `${inspect(read, { depth: 9 })} ${JSON.stringify(read)}`
    for (const [name, value] of Object.entries(harness.settings)) {
      if (/key|token|secret|password/i.test(name)) expect(shown).not.toContain(String(value))
    }
  })

  test('sends, says so, and the provider has it once', async () => {
    const message = fitting('one')
    const result = await channel.send(message)
    expect(result).toMatchObject({ kind: 'sent', providerMessageId: expect.stringMatching(/./) })
    expect((await harness.received()).filter((got) => got === message.idempotencyKey)).toHaveLength(1)
  })

  test('the same message once more is no second one, where it says so', async () => {
    if (!file.resends) return
    const message = fitting('twice')
    expect((await channel.send(message)).kind).toBe('sent')
    expect((await channel.send(message)).kind).toBe('sent')
    expect((await harness.received()).filter((got) => got === message.idempotencyKey)).toHaveLength(1)
  })

  test('many at once, none lost', async () => {
    const messages = Array.from({ length: 40 }, (_, i) => fitting(`many-${i}`))
    const results = await Promise.all(messages.map((message) => channel.send(message)))
    expect(results.map((result) => result.kind)).toEqual(messages.map(() => 'sent'))
    const got = new Set(await harness.received())
    expect(messages.filter(({ idempotencyKey }) => !got.has(idempotencyKey))).toEqual([])
  })

  test('answers with a result, never a throw, whatever it is given', async () => {
    const odd = [
      { ...fitting('odd-1'), address: '' },
      { ...fitting('odd-2'), address: 'a@b.example\r\nBcc: c@d.example' },
      { ...fitting('odd-3'), from: '' },
      { ...fitting('odd-4'), subject: 'x\r\nBcc: c@d.example', html: '', text: '' },
    ]
    for (const message of odd) {
      expect(['sent', 'permanent', 'transient']).toContain((await channel.send(message)).kind)
    }
  })

  if (file.reaches === 'people')
    describe('towards people', () => {
      const people = () => {
        if (harness.people === undefined)
          throw new Error(`test/support/channels/${file.kind}.ts: no \`people\``)
        return harness.people
      }

      test('says what its messages may be at most', () => {
        expect(Object.keys(file.limits)).not.toHaveLength(0)
      })

      test('meets every class of results, or says why it never does', () => {
        const { cases, never = {} } = people()
        const met = new Set<string>([...cases.map(({ result }) => classOf(result)), ...Object.keys(never)])
        expect(resultClasses.filter((own) => !met.has(own))).toEqual([])
      })

      test('makes of each answer what it means, and gives its key with every attempt', async () => {
        const { cases, attempted } = people()
        for (const [index, { name, next, message, settings, result }] of cases.entries()) {
          const outgoing = { ...fitting(`case-${index}`), ...message }
          const own = settings === undefined ? channel : withSettings(settings)
          next()
          expect({ name, result: await own.send(outgoing) }).toMatchObject({ name, result })
          if (own !== channel) await own.close()
          const came = typeof attempted === 'string' || message !== undefined || /rcpt|recipient/.test(name)
          if (!came)
            expect({ name, keys: attempted() }).toMatchObject({
              keys: expect.arrayContaining([outgoing.idempotencyKey]),
            })
        }
      })

      test('goes on as before after all that', async () => {
        expect((await channel.send(fitting('after'))).kind).toBe('sent')
        expect(await harness.received()).toContain(`${file.kind}-after`)
      })

      test('shows no secret in what an answer came to, and logs none', async () => {
        const lines: string[] = []
        const log = (...line: unknown[]) => lines.push(inspect(line, { depth: 9 }))
        const loud = { error: log, warn: log, info: log, debug: log }
        const own = { ...harness.settings } as ProviderSettings['settings']
        const settings = { id: 'loud', kind: file.kind, weight: 1, settings: own }
        const channels = openChannels(files, [settings], { ...parts(), logger: loud })
        const [provider] = [...channels.real.values()].flat()
        const cases = people().cases.filter(({ settings: others }) => others === undefined)
        for (const [index, { next, message }] of cases.entries()) {
          next()
          lines.push(JSON.stringify(await provider!.send({ ...fitting(`loud-${index}`), ...message })))
        }
        await channels.close()
        const shown = lines.join('\n')
        for (const [name, value] of Object.entries(harness.settings)) {
          if (!/key$|secret|token|password/i.test(name)) continue
          for (const shape of shapesOf(String(value))) expect(shown).not.toContain(shape)
        }
      })

      test('asks of the vendor what its API takes, and nothing else', () => {
        expect(people().complaints()).toEqual([])
      })
    })

  test('closes twice without complaint, and sends nothing real afterwards', async () => {
    const own = file.open(file.settings.parse(harness.settings), parts())
    await own.close()
    await own.close()
    if (file.reaches === 'people') expect((await own.send(fitting('late'))).kind).toBe('transient')
  })
})

/** A secret as headers, bodies and addresses carry it. */
function shapesOf(secret: string): string[] {
  return [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
    Buffer.from(`:${secret}`).toString('base64').slice(4, -4),
  ]
}

describe('what is configured', () => {
  const provider = (kind: string, settings = {}) => ({ id: `my-${kind}`, kind, weight: 1, settings })

  test('is opened by kind; the outbox is always there', async () => {
    const url = 'smtp://127.0.0.1:1'
    const channels = openChannels(files, [provider('smtp', { url })], parts())
    expect(channels.real.get('email')).toMatchObject([{ id: 'my-smtp', weight: 1, resends: false }])
    expect(channels.outbox.id).toBe('outbox')
    await channels.close()
  })

  if (yours === undefined)
    test('is refused with every fault and the field it is in', () => {
      const faults = providerFaults(files, [
        provider('pigeon'),
        provider('outbox'),
        provider('smtp', { url: 'http://mail.example' }),
        provider('plain-http', { url: 'x', apiKey: 'k', colour: 'red' }),
      ])
      expect(faults).toEqual([
        expect.stringMatching(/^providers: my-pigeon: kind: pigeon is not known; there are .*smtp/),
        expect.stringMatching(/^providers: my-outbox: kind: /),
        'providers: my-smtp: settings.url: must be smtp://user:password@host:port or smtps://…',
        expect.stringMatching(/^providers: my-plain-http: settings.url: /),
        expect.stringMatching(/^providers: my-plain-http: settings: .*colour/),
      ])
    })

  test('says nothing of its secrets in what a provider’s answer came to', async () => {
    const url = 'smtp://me:hush-hush@127.0.0.1:1'
    const throwing = files.map(({ file, channel }) => ({
      file,
      channel: {
        ...channel,
        open: () => ({
          send: async () => {
            throw new Error(`no luck with ${url}, password hush-hush`)
          },
          close: async () => {},
        }),
      },
    }))
    const channels = openChannels(throwing, [provider('smtp', { url })], parts())
    await expect(channels.real.get('email')![0]!.send(outgoing('m'))).rejects.toThrow(
      'no luck with [secret], password [secret]',
    )
  })

  test.each([
    ['its own name', "export const channel = () => ({ kind: 'other' })", 'must be the file’s name'],
    ['a channel', 'export const nothing = 1', 'exports no channel'],
  ])('a file outside must export %s', async (_, text) => {
    const other = await mkdtemp(join(folder, 'outside-'))
    await writeFile(join(other, 'mine.mjs'), text)
    await expect(channelFiles(other)).rejects.toThrow(/mine\.mjs: (its kind is other|exports no channel)/)
  })

  test('a file outside cannot take the place of one of ours', async () => {
    const other = await mkdtemp(join(folder, 'outside-'))
    const text = `export const channel = ({ z }) => ({ kind: 'smtp', channel: 'email', reaches: 'people',
      limits: {}, settings: z.strictObject({}), resends: false, open() {} })`
    await writeFile(join(other, 'smtp.mjs'), text)
    await expect(channelFiles(other)).rejects.toThrow('the kind smtp is that of channels/smtp.ts already')
  })
})
