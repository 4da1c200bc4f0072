import { Resolver } from 'node:dns/promises'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import type { DkimKey } from '../../action/doctor/check-dkim.ts'
import { checkSender } from '../../action/doctor/check-sender.ts'
import { type Finding, finding, type ResolveTxt } from '../../action/doctor/finding.ts'
import { domainOf } from '../../action/sender-domain.ts'
import { type Config, providersOf, readConfig } from '../../config.ts'
import { act, type CliContext, dataDirOf } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { done, failed } from '../outcome.ts'
import { callServer, findServer } from '../server-call.ts'

interface DoctorOptions {
  from?: string
  selector?: string
  dns?: string
}

export function doctorCommand(context: CliContext): Command {
  return new Command('doctor')
    .description('look whether this installation can send mail that arrives: settings, server, DNS')
    .option('--from <address>', 'the sender to look at (mailFrom)')
    .option('--selector <name>', 'DKIM selector of a provider that signs for you')
    .option('--dns <address>', 'name server to ask, as address:port (the machine’s own)')
    .addHelpText(
      'after',
      '\nExample:\n  starling doctor --from hello@shop.example --selector s1\n\nExits with 65 where it finds a fault.',
    )
    .action(
      act(context, async (options: DoctorOptions, command: Command) => {
        const read = readConfig(context.environment, context.folder)
        if (read.kind === 'faults')
          return failed(exitCodes.config, `the settings do not fit:\n${read.faults.join('\n')}`)
        const dataDir = dataDirOf(context, command)
        if (typeof dataDir !== 'string') return dataDir
        const findings = [
          ...lookAtSettings(read.config),
          ...lookAtFolder(dataDir),
          ...(await lookAtServer(context, dataDir)),
          ...(await lookAtSender(read.config, options)),
        ]
        const faults = findings.filter(({ level }) => level === 'fault').length
        return {
          ...done({ findings, faults }, findings.map(lineOf).join('\n')),
          exitCode: faults > 0 ? exitCodes.data : exitCodes.ok,
        }
      }),
    )
}

const marks = { ok: 'ok     ', warning: 'look at', fault: 'FAULT  ' }

function lineOf({ level, about, detail }: Finding): string {
  return `${marks[level]}  ${about}: ${detail}`
}

function lookAtSettings(config: Config): Finding[] {
  const { publicUrl, bounceAddress } = config
  const ways = providersOf(config)
  return [
    publicUrl === undefined
      ? finding('fault', 'publicUrl', 'it is not set: links in messages lead to this machine alone')
      : lookAtUrl(publicUrl),
    ways.length === 0
      ? finding('warning', 'providers', 'there are none: every message stays in the outbox')
      : finding(
          'ok',
          'providers',
          ways.map(({ id, kind }) => (id === kind ? id : `${id} (${kind})`)).join(', '),
        ),
    bounceAddress === undefined
      ? finding('warning', 'bounceAddress', 'it is not set: mails that come back go to their sender unread')
      : finding('ok', 'bounceAddress', bounceAddress),
  ]
}

function lookAtUrl(publicUrl: string): Finding {
  const { protocol, hostname } = new URL(publicUrl)
  if (
    /^(localhost|127\.|\[::1\]|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)|\.(local|internal|localhost)$/.test(
      hostname,
    )
  )
    return finding('fault', 'publicUrl', `${publicUrl} leads nowhere from outside`)
  if (protocol !== 'https:')
    return finding(
      'fault',
      'publicUrl',
      `${publicUrl} has no TLS: one-click unsubscribe asks for https (RFC 8058)`,
    )
  return finding('ok', 'publicUrl', publicUrl)
}

function lookAtFolder(dataDir: string): Finding[] {
  if (!existsSync(dataDir))
    return [finding('warning', 'data folder', `${dataDir} is not there yet: starling serve makes it`)]
  try {
    accessSync(dataDir, constants.R_OK | constants.W_OK)
  } catch {
    return [finding('fault', 'data folder', `${dataDir} cannot be read and written`)]
  }
  const keys = join(dataDir, 'server.json')
  if (existsSync(keys) && (statSync(keys).mode & 0o077) !== 0)
    return [finding('fault', 'keys', `${keys} holds an admin key, and others may read it: chmod 600`)]
  return [finding('ok', 'data folder', dataDir)]
}

async function lookAtServer(context: CliContext, dataDir: string): Promise<Finding[]> {
  const server = findServer(context.environment, dataDir)
  if (server === null) return [finding('warning', 'server', 'none is running on this folder')]
  if ('kind' in server) return [finding('fault', 'server', server.message)]
  const answer = await callServer<{ sendMode: string; killSwitch: boolean }>(server, 'GET', '/status')
  if (answer.kind === 'failed') return [finding('fault', 'server', answer.message)]
  const { sendMode, killSwitch } = answer.body
  return [
    finding('ok', 'server', server.url),
    killSwitch
      ? finding('warning', 'kill switch', 'it is on: nothing is sent')
      : sendMode === 'live'
        ? finding('ok', 'send mode', sendMode)
        : finding(
            'warning',
            'send mode',
            `it is ${sendMode}: messages stay in the outbox${sendMode === 'allowlist' ? ', but for listed addresses' : ''}`,
          ),
  ]
}

async function lookAtSender(config: Config, { from, selector, dns }: DoctorOptions): Promise<Finding[]> {
  const domain = domainOf(from ?? config.mailFrom)
  const returnDomain = config.bounceAddress === undefined ? domain : domainOf(config.bounceAddress)
  const dkim = [...keysOf(config), ...(selector === undefined ? [] : [{ domain, selector }])]
  return checkSender({ domain, returnDomain, dkim }, resolverAt(dns))
}

/** Keys that providers of ours sign with. */
function keysOf(config: Config): DkimKey[] {
  return providersOf(config).flatMap(({ settings }) =>
    [settings.dkim ?? []].flat().flatMap((key) => {
      if (typeof key !== 'object' || key === null || Array.isArray(key)) return []
      const { domain, selector, privateKey } = key
      if (typeof domain !== 'string' || typeof selector !== 'string') return []
      return [{ domain, selector, ...(typeof privateKey === 'string' ? { privateKey } : {}) }]
    }),
  )
}

/** A domain without such records is an answer, not a fault of the DNS. */
function resolverAt(address: string | undefined): ResolveTxt {
  const resolver = new Resolver({ timeout: 3000, tries: 2 })
  if (address !== undefined) resolver.setServers([address])
  return async (name) => {
    try {
      return (await resolver.resolveTxt(name)).map((chunks) => chunks.join(''))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOTFOUND' || code === 'ENODATA') return []
      throw error
    }
  }
}
