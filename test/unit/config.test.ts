import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { providersOf, readConfig } from '../../src/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'starling-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const faultsOf = (environment: Record<string, string>): string[] => {
  const result = readConfig(environment, folder)
  return result.kind === 'faults' ? result.faults : []
}

test('Kafka without PostgreSQL is refused: the offsets would have no place', () => {
  expect(faultsOf({ STARLING_KAFKA_BROKERS: 'a:9092' })).toEqual([
    'STARLING_KAFKA_BROKERS: needs DATABASE_URL too, since the log’s offsets stand in the store',
  ])
})

test('half a sign-in to Kafka is refused', () => {
  const base = { STARLING_KAFKA_BROKERS: 'a:9092', DATABASE_URL: 'postgres://db/starling' }
  expect(faultsOf({ ...base, STARLING_KAFKA_USERNAME: 'ann' })).toHaveLength(1)
  expect(faultsOf({ ...base, STARLING_KAFKA_PASSWORD: 'secret' })).toHaveLength(1)
  expect(faultsOf({ ...base, STARLING_KAFKA_USERNAME: 'ann', STARLING_KAFKA_PASSWORD: 'secret' })).toEqual([])
})

test('a sender on its own must be told how customers reach the doors', () => {
  expect(faultsOf({ STARLING_ROLES: 'worker,sender' })).toEqual([
    'STARLING_PUBLIC_URL: a sender apart from the role api needs it for the links in messages',
  ])
  expect(faultsOf({ STARLING_ROLES: 'api,sender' })).toEqual([])
  expect(faultsOf({ STARLING_ROLES: 'sender', STARLING_PUBLIC_URL: 'https://mail.example' })).toEqual([])
})

test('brokers come as a list, each host:port; all faults come together', () => {
  const result = readConfig(
    { STARLING_KAFKA_BROKERS: 'a:9092, b:9092', DATABASE_URL: 'postgres://db/starling' },
    folder,
  )
  expect(result).toMatchObject({ kind: 'config', config: { kafkaBrokers: ['a:9092', 'b:9092'] } })
  expect(faultsOf({ STARLING_KAFKA_BROKERS: 'kafka', STARLING_PORT: 'x' })).toHaveLength(2)
})

const environment = (providers: unknown, more = {}) => ({
  STARLING_PROVIDERS: JSON.stringify(providers),
  ...more,
})

const named = '$'.concat('{MAIL_KEY}')

test('providers come from the environment as JSON, their keys from variables of their own', () => {
  const one = {
    id: 'eu',
    kind: 'ses',
    callsPerSecondMax: 14,
    settings: { key: `k-${named}`, list: [named] },
  }
  const result = readConfig(environment([one], { MAIL_KEY: '42' }), folder)
  expect(result).toMatchObject({
    kind: 'config',
    config: { providers: [{ ...one, weight: 1, settings: { key: 'k-42', list: ['42'] } }] },
  })
  expect(faultsOf(environment([one]))).toEqual([
    'providers: eu: settings.key: MAIL_KEY is not set in the environment',
    'providers: eu: settings.list.0: MAIL_KEY is not set in the environment',
  ])
})

test('two providers have two ids; a fault names its place', () => {
  const one = { id: 'eu', kind: 'smtp' }
  expect(faultsOf(environment([one, one]))).toEqual(['STARLING_PROVIDERS.1.id: eu is there already'])
  expect(faultsOf(environment([{ ...one, callsPerSecondMax: 0 }]))[0]).toMatch(
    /^STARLING_PROVIDERS\.0\.callsPerSecondMax: /,
  )
})

test('the mail server’s address is the short form of a provider', () => {
  const result = readConfig(
    { STARLING_SMTP_URL: 'smtp://m:1', STARLING_SMTP_SENDS_PER_SECOND_MAX: '3' },
    folder,
  )
  if (result.kind === 'faults') throw new Error(result.faults.join())
  expect(providersOf(result.config)).toEqual([
    { id: 'smtp', kind: 'smtp', weight: 1, callsPerSecondMax: 3, settings: { url: 'smtp://m:1' } },
  ])
  expect(
    faultsOf(environment([{ id: 'smtp', kind: 'smtp' }], { STARLING_SMTP_URL: 'smtp://m:1' })),
  ).toHaveLength(1)
})
