import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Config, configSchema, environmentName, readConfig, roleNames } from '../../../src/config.ts'
import { composeText, durationMs, isPinned, projectFolder, readCompose } from './compose.ts'

const secrets = {
  POSTGRES_PASSWORD: 'secret0123456789',
  STARLING_WRITE_KEY: 'write-key-0123456789',
  STARLING_ADMIN_KEY: 'admin-key-0123456789',
}
const compose = readCompose(composeText(), secrets)
const services = Object.entries(compose.services)
const roles = services.filter(([, service]) => service.environment?.STARLING_ROLES !== undefined)

// A folder without starling.yaml: only what the file says counts.
const emptyFolder = mkdtempSync(join(tmpdir(), 'starling-compose-'))
afterAll(() => rmSync(emptyFolder, { recursive: true }))

describe('docker-compose.yml', () => {
  it('has each role once, in a service of that name, beside the services they need', () => {
    expect(roles.map(([name]) => name)).toEqual([...roleNames])
    for (const [name, service] of roles) expect(service.environment?.STARLING_ROLES).toBe(name)
    expect(services.map(([name]) => name).sort()).toEqual(
      [...roleNames, 'kafka', 'postgres', 'redis', 'mailpit'].sort(),
    )
  })

  it('refuses to start without its secrets', () => {
    for (const name of Object.keys(secrets)) {
      const without = Object.fromEntries(Object.entries(secrets).filter(([other]) => other !== name))
      expect(() => readCompose(composeText(), without)).toThrow(name)
    }
  })

  it('pins every image to a full version, and the image of the roles to the version of the package', () => {
    for (const [, service] of services) expect(service.image).toSatisfy(isPinned)
    for (const image of ['redis', 'redis:latest', 'redis:8', 'redis:trixie', 'node:24-slim']) {
      expect(image).not.toSatisfy(isPinned)
    }
    for (const [, service] of roles) {
      expect(service).toMatchObject({ image: `starling-engine:${packageJson().version}`, build: '.' })
    }
  })

  it('runs the Kafka that the tests run on', () => {
    const pom = readFileSync(new URL('scripts/native-services/kafka/pom.xml', projectFolder), 'utf8')
    const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>(.+?)</.exec(pom)?.[1]
    expect(compose.services.kafka?.image).toBe(`apache/kafka:${version}`)
  })

  it('checks the health of every service, and starts it again when it ends', () => {
    for (const [, service] of services) {
      expect(service.restart).toBe('unless-stopped')
      expect(service.healthcheck?.test?.[0]).toMatch(/^CMD(-SHELL)?$/)
      expect(service.healthcheck?.test?.length).toBeGreaterThan(1)
      expect(durationMs(service.healthcheck?.timeout)).toBeLessThanOrEqual(
        durationMs(service.healthcheck?.interval),
      )
      expect(service.healthcheck?.retries).toBeGreaterThan(0)
    }
  })

  it('keeps what must last in named volumes', () => {
    const mounts = services.flatMap(([, service]) => service.volumes ?? [])
    expect(mounts.map((mount) => mount.split(':')[0]).sort()).toEqual(
      Object.keys(compose.volumes ?? {}).sort(),
    )
    expect(compose.services.kafka?.volumes).toEqual([
      `kafka-data:${compose.services.kafka?.environment?.KAFKA_LOG_DIRS}`,
    ])
    expect(compose.services.postgres?.volumes).toHaveLength(1)
  })
})

describe.each(roles)('the role %s', (name, service) => {
  const environment = service.environment ?? {}

  it('sets only what the configuration knows, to values that it takes', () => {
    const known = Object.keys(configSchema.shape).map(environmentName)
    expect(known).toEqual(expect.arrayContaining(Object.keys(environment)))
    expect(Object.values(environment).every((value) => typeof value === 'string')).toBe(true)
    expect(readConfig(environment, emptyFolder)).toMatchObject({ kind: 'config' })
  })

  it('finds the services under their names, with the password that they are given', () => {
    const config = configOf(environment)
    const database = new URL(config.databaseUrl ?? '')
    expect(compose.services[database.hostname]?.environment).toMatchObject({
      POSTGRES_USER: database.username,
      POSTGRES_PASSWORD: database.password,
      POSTGRES_DB: database.pathname.slice(1),
    })
    const [broker] = config.kafkaBrokers ?? []
    expect(compose.services.kafka?.environment?.KAFKA_ADVERTISED_LISTENERS).toBe(`PLAINTEXT://${broker}`)
    expect(new URL(config.redisUrl ?? '').hostname).toBe('redis')
    expect(new URL(config.smtpUrl ?? '').hostname).toBe('mailpit')
    expect(config.sendMode).toBe('outbox')
  })

  it('waits until the services it needs are healthy', () => {
    const others = services
      .filter(([other]) => !roles.some(([role]) => role === other))
      .map(([other]) => other)
    expect(Object.keys(service.depends_on ?? {}).sort()).toEqual(others.sort())
    for (const { condition } of Object.values(service.depends_on ?? {})) {
      expect(condition).toBe('service_healthy')
    }
  })

  it('may end what is under way before it is killed', () => {
    expect(durationMs(service.stop_grace_period)).toBeGreaterThan(configOf(environment).drainMaxMs + 5000)
  })

  it('can be scaled: no name, address, folder or port that two of it would share', () => {
    expect(service).not.toHaveProperty('container_name')
    expect(service).not.toHaveProperty('hostname')
    expect(service).not.toHaveProperty('network_mode')
    expect(service.volumes).toBeUndefined()
    const scaled = readCompose(composeText(), { ...secrets, API_PORTS: '8420-8429' })
    const ports = scaled.services[name]?.ports ?? []
    expect(ports).toEqual(name === 'api' ? ['127.0.0.1:8420-8429:8420'] : [])
  })
})

function configOf(environment: Record<string, string>): Config {
  const result = readConfig(environment, emptyFolder)
  if (result.kind === 'faults') throw new Error(result.faults.join('\n'))
  return result.config
}

function packageJson(): { version: string } {
  return JSON.parse(readFileSync(new URL('package.json', projectFolder), 'utf8'))
}
