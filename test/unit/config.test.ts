import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'

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
