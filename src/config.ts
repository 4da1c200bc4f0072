import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { z } from 'zod'
import type { JsonObject, JsonValue } from '#contracts/json.ts'
import { type ProviderSettings, providersSchema } from '#contracts/provider.ts'

export const roleNames = ['api', 'worker', 'sender', 'strategist'] as const
export type RoleName = (typeof roleNames)[number]

const hour = 3_600_000
const mebibyte = 1_048_576

/**
 * Every setting there is. In the environment `dataDir` is `STARLING_DATA_DIR`, and so on; in the file
 * `starling.yaml` of the working folder it is `dataDir: …`. The environment wins.
 */
export const configSchema = z.strictObject({
  dataDir: z.string().min(1).default('starling-data').describe('Folder of the store and the log.'),
  host: z.string().min(1).default('127.0.0.1').describe('Address the server listens on.'),
  port: z.coerce.number().int().min(0).max(65_535).default(8420).describe('Port; 0 takes a free one.'),
  publicUrl: z
    .url()
    .exactOptional()
    .describe('How customers reach this server, for links in messages. Default: where it listens.'),
  workspace: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .default('main')
    .describe('Name of the workspace made at the first start.'),
  writeKey: z
    .string()
    .min(8)
    .max(256)
    .exactOptional()
    .describe('Write key of that workspace. Default: a random one, printed once.'),
  adminKey: z
    .string()
    .min(8)
    .max(256)
    .exactOptional()
    .describe('Admin key of that workspace. Default: a random one, printed once.'),
  roles: z
    .preprocess(
      (value) => (typeof value === 'string' ? value.split(',').map((role) => role.trim()) : value),
      z.array(z.enum(roleNames)).min(1),
    )
    .default([...roleNames])
    .describe('Which roles this process plays, separated by commas.'),
  databaseUrl: z
    .string()
    .min(1)
    .exactOptional()
    .describe('PostgreSQL instead of the embedded store: `postgres://…`. In the environment: DATABASE_URL.'),
  kafkaBrokers: z
    .preprocess(
      (value) => (typeof value === 'string' ? value.split(',').map((broker) => broker.trim()) : value),
      z.array(z.string().regex(/^[^\s:/]+:\d{1,5}$/, 'must be host:port, separated by commas')).min(1),
    )
    .exactOptional()
    .describe('Kafka instead of the embedded log: `host:port,host:port`. Needs `databaseUrl` too.'),
  kafkaTopicPrefix: z
    .string()
    .regex(/^[a-zA-Z0-9._-]{1,100}$/)
    .default('starling')
    .describe('What the names of our topics and consumer groups begin with.'),
  kafkaCreateTopics: z
    .stringbool()
    .or(z.boolean())
    .default(false)
    .describe('`true` creates the topics that are missing; else a missing one is refused at the start.'),
  kafkaReplicationFactor: z.coerce
    .number()
    .int()
    .min(-1)
    .max(10)
    .default(-1)
    .describe('Copies of each topic that Starling creates; -1 takes the cluster’s own default.'),
  kafkaTls: z
    .stringbool()
    .or(z.boolean())
    .default(false)
    .describe('`true` speaks TLS to Kafka, with the certificate authorities that Node trusts.'),
  kafkaSaslMechanism: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
    .default('scram-sha-512')
    .describe('How to sign in to Kafka, where `kafkaUsername` is set.'),
  kafkaUsername: z.string().min(1).exactOptional().describe('Name to sign in to Kafka with.'),
  kafkaPassword: z.string().min(1).exactOptional().describe('Password of `kafkaUsername`.'),
  redisUrl: z
    .string()
    .regex(/^rediss?:\/\//, 'must start with redis:// or rediss://')
    .exactOptional()
    .describe('Redis, which lets several processes refuse early and share rate limits: `redis://…`.'),
  drainMaxMs: z.coerce
    .number()
    .int()
    .min(1000)
    .max(600_000)
    .default(25_000)
    .describe('After SIGTERM, how long what is under way may take to end, in milliseconds.'),
  sendMode: z
    .enum(['outbox', 'allowlist', 'live'])
    .default('outbox')
    .describe('Send mode of a new workspace. `outbox`: nothing leaves.'),
  smtpUrl: z
    .string()
    .regex(/^smtps?:\/\//, 'must start with smtp:// or smtps://')
    .exactOptional()
    .describe('Mail server: `smtp://user:password@host:port`. Without it mail stays in the outbox.'),
  smtpSendsPerSecondMax: z.coerce
    .number()
    .positive()
    .exactOptional()
    .describe(
      'Most mails a second that the mail server is given, by all senders together. Default: no limit.',
    ),
  providers: z
    .preprocess(parsedJson, providersSchema)
    .exactOptional()
    .describe('Providers of every channel, as the guide “Providers” shows; in the environment as JSON.'),
  channelsDir: z
    .string()
    .min(1)
    .exactOptional()
    .describe('Folder whose files are kinds of providers too, each like one of `src/action/channels`.'),
  mailFrom: z
    .string()
    .min(3)
    .default('Starling <hello@starling.localhost>')
    .describe('Sender of mail whose template names none.'),
  bounceAddress: z
    .string()
    // With the message's token, 49 characters, the local part has to stay within 64.
    .regex(/^[\w.-]{1,15}@([\w-]+\.)*[\w-]+$/, 'must be an address, before the @ at most 15 characters')
    .exactOptional()
    .describe('Where mails come back to, each with a part of its own. Default: to their sender.'),
  linkUrls: z
    .preprocess(parsedJson, z.record(z.string().toLowerCase(), z.url()))
    .exactOptional()
    .describe('By the sender’s domain, where links of its mails begin; in the environment as JSON.'),
  webhookPrivateHosts: z
    .stringbool()
    .or(z.boolean())
    .default(false)
    .describe('`true` lets outbound webhooks call hosts of this network, not of the internet alone.'),
  feedPrivateHosts: z
    .stringbool()
    .or(z.boolean())
    .default(false)
    .describe('`true` lets feeds of items be fetched from hosts of this network, not of the internet alone.'),
  zone: z
    .string()
    .min(1)
    .default('UTC')
    .describe('IANA zone of customers whose own is unknown, for a new workspace.'),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'two letters of ISO 3166')
    .exactOptional()
    .describe(
      'Whose phone numbers those without a country code are, for a new workspace: `DE`. Default: they are none.',
    ),
  reportingCurrency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .default('EUR')
    .describe('ISO 4217 code that values are reported in, for a new workspace.'),
  logPartitions: z.coerce
    .number()
    .int()
    .min(1)
    .max(256)
    .default(8)
    .describe('Partitions of the event log; fixed when the log is made.'),
  logRetentionMs: z.coerce
    .number()
    .int()
    .min(hour)
    .max(30 * 24 * hour)
    .default(7 * 24 * hour)
    .describe('How long the log keeps what every consumer has, in milliseconds.'),
  logBytesMax: z.coerce
    .number()
    .int()
    .min(16 * mebibyte)
    .default(4096 * mebibyte)
    .describe('How large the log may grow before it drops what every consumer has, in bytes.'),
  logBacklogBytesMax: z.coerce
    .number()
    .int()
    .min(mebibyte)
    .default(1024 * mebibyte)
    .describe('Unprocessed bytes at which the door answers 429.'),
  eventsKeepDays: z.coerce
    .number()
    .int()
    .min(31)
    .max(4000)
    .default(400)
    .describe('How long product events are kept in the store, in days.'),
  triggerMaxAgeMs: z.coerce
    .number()
    .int()
    .min(0)
    .default(hour)
    .describe('An event older than this changes the profile and triggers nothing, in milliseconds.'),
  batchRecordsMax: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(500)
    .describe('Most records the worker applies in one transaction.'),
  batchMaxMs: z.coerce
    .number()
    .min(1)
    .max(1000)
    .default(5)
    .describe('How long a transaction of the worker may last while another writer waits, in milliseconds.'),
  sendsInFlightMax: z.coerce
    .number()
    .int()
    .min(1)
    .max(32)
    .default(16)
    .describe('Most messages in state `sending` at once, and connections to the mail server.'),
})

export type Config = Readonly<z.output<typeof configSchema>>

export type ConfigResult = { kind: 'config'; config: Config } | { kind: 'faults'; faults: string[] }

/** Environment and file to a frozen configuration; all faults together, each with the name to change. */
export function readConfig(environment: Record<string, string | undefined>, folder: string): ConfigResult {
  const file = join(folder, 'starling.yaml')
  const fromFile = existsSync(file) ? (parseYaml(readFileSync(file, 'utf8')) ?? {}) : {}
  if (typeof fromFile !== 'object' || Array.isArray(fromFile))
    return { kind: 'faults', faults: [`${file} must hold a mapping`] }
  const fromEnvironment: Record<string, string> = {}
  for (const key of Object.keys(configSchema.shape)) {
    const value = environment[environmentName(key)]
    if (value !== undefined && value !== '') fromEnvironment[key] = value
  }
  const parsed = configSchema.safeParse({ ...fromFile, ...fromEnvironment })
  if (parsed.success) {
    const faults = jointFaults(parsed.data)
    const config = withEnvironment(parsed.data, environment, faults)
    return faults.length > 0 ? { kind: 'faults', faults } : { kind: 'config', config: Object.freeze(config) }
  }
  const faults = parsed.error.issues.map((issue) => {
    const key = String(issue.path[0] ?? '')
    const from = key in fromEnvironment ? environmentName(key) : key === '' ? file : `${key} in ${file}`
    return `${[from, ...issue.path.slice(1)].join('.')}: ${issue.message}`
  })
  return { kind: 'faults', faults }
}

/** What is right alone and wrong together. */
function jointFaults(config: Config): string[] {
  const { kafkaBrokers, databaseUrl, kafkaUsername, kafkaPassword, roles, publicUrl } = config
  const faults: string[] = []
  if (kafkaBrokers !== undefined && databaseUrl === undefined) {
    faults.push('STARLING_KAFKA_BROKERS: needs DATABASE_URL too, since the log’s offsets stand in the store')
  }
  if ((kafkaUsername === undefined) !== (kafkaPassword === undefined)) {
    faults.push('STARLING_KAFKA_USERNAME: goes with STARLING_KAFKA_PASSWORD, set both or none')
  }
  if (config.smtpUrl !== undefined && config.providers?.some(({ id }) => id === 'smtp')) {
    faults.push('STARLING_SMTP_URL: is the short form of the provider smtp, which is configured too')
  }
  if (roles.includes('sender') && !roles.includes('api') && publicUrl === undefined) {
    faults.push('STARLING_PUBLIC_URL: a sender apart from the role api needs it for the links in messages')
  }
  return faults
}

/** All providers, `smtpUrl` as the one it stands for. */
export function providersOf(config: Config): ProviderSettings[] {
  const { smtpUrl, smtpSendsPerSecondMax: callsPerSecondMax, providers = [] } = config
  if (smtpUrl === undefined) return providers
  const rate = callsPerSecondMax === undefined ? {} : { callsPerSecondMax }
  return [{ id: 'smtp', kind: 'smtp', weight: 1, ...rate, settings: { url: smtpUrl } }, ...providers]
}

/** Text from the environment; what is no JSON is left to the schema to refuse. */
function parsedJson(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

/** `${NAME}` in the texts of providers' settings, so that keys need not stand in a file. */
function withEnvironment(
  config: Config,
  environment: Record<string, string | undefined>,
  faults: string[],
): Config {
  if (config.providers === undefined) return config
  const fill = (value: JsonValue, path: string): JsonValue => {
    if (typeof value === 'string') {
      return value.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
        const found = environment[name]
        if (found === undefined || found === '') faults.push(`${path}: ${name} is not set in the environment`)
        return found ?? ''
      })
    }
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map((item, i) => fill(item, `${path}.${i}`))
    return fillAll(value, path)
  }
  const fillAll = (values: JsonObject, path: string): JsonObject =>
    Object.fromEntries(Object.entries(values).map(([key, item]) => [key, fill(item, `${path}.${key}`)]))
  const providers = config.providers.map((provider) => ({
    ...provider,
    settings: fillAll(provider.settings, `providers: ${provider.id}: settings`),
    ...(provider.callbacks === undefined
      ? {}
      : { callbacks: fillAll(provider.callbacks, `providers: ${provider.id}: callbacks`) }),
  }))
  return { ...config, providers }
}

export function environmentName(key: string): string {
  if (key === 'databaseUrl') return 'DATABASE_URL'
  return `STARLING_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}
