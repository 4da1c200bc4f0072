import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

export interface Postfix {
  port: number
  /** The mails of a mailbox: `folder/NAME/new`. */
  mailbox(name: string): string
  /** What Postfix has written about its work. */
  log(): string
  stop(): Promise<void>
}

/** Where Debian's packages put it. */
const daemons = '/usr/lib/postfix/sbin'
export const mailDomain = 'acme.example'
export const bounceDomain = 'bounces.acme.example'

/**
 * Debian's Postfix with a configuration, a queue and a port of its own, beside any other on this machine. It
 * takes mails for `acme.example`: those for `ann` go to a mailbox, those for anybody else it takes too and
 * returns to the envelope's sender, as mail servers do that ask another for the mailboxes they have. Mails for
 * `bounces.acme.example` go through a pipe to `handIn`, a program that gets them on standard input and the
 * recipient as its argument. Needs root.
 */
export async function startPostfix(folder: string, handIn: string): Promise<Postfix> {
  const port = await freePort()
  const [owner, group] = ['postfix', 'postdrop'].map((name, index) => idOf(name, index === 1))
  const folders = { config: '755', queue: '755', data: '700', mail: '777' }
  chmodSync(folder, 0o755)
  for (const [name, mode] of Object.entries(folders)) {
    mkdirSync(join(folder, name))
    chmodSync(join(folder, name), Number.parseInt(mode, 8))
  }
  chownSync(join(folder, 'data'), owner!, group!)
  writeFileSync(join(folder, 'config/main.cf'), mainConfig(folder, owner!))
  writeFileSync(join(folder, 'config/master.cf'), masterConfig(port, handIn))
  execFileSync('postfix', ['-c', join(folder, 'config'), 'check'], { stdio: 'inherit' })
  const master = spawn(join(daemons, 'master'), ['-d', '-c', join(folder, 'config')], { stdio: 'inherit' })
  const log = () => readText(join(folder, 'data/mail.log'))
  try {
    await untilItListens(port, master)
  } catch (error) {
    master.kill('SIGKILL')
    throw new Error(`Postfix did not start: ${String(error)}\n${log()}`)
  }
  return {
    port,
    mailbox: (name) => join(folder, 'mail', name, 'new'),
    log,
    async stop() {
      master.kill('SIGTERM')
      await ended(master)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function mainConfig(folder: string, mailOwner: number): string {
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
daemon_directory = ${daemons}
command_directory = /usr/sbin
maillog_file = ${folder}/data/mail.log
maillog_file_prefixes = ${folder}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = mx.${mailDomain}
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_reject_unlisted_recipient = no
smtpd_tls_security_level = none
virtual_mailbox_domains = ${mailDomain}
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = inline:{ {ann@${mailDomain} = ann/} }
virtual_uid_maps = static:${mailOwner}
virtual_gid_maps = static:${mailOwner}
virtual_minimum_uid = 1
relay_domains = ${bounceDomain}
transport_maps = inline:{ {${bounceDomain} = hand-in:} }
hand-in_destination_recipient_limit = 1
disable_dns_lookups = yes
`
}

/** Debian's list of services without their jails, which would hide the files of this folder. */
function masterConfig(port: number, handIn: string): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
hand-in unix - n n - - pipe
  user=nobody argv=${handIn} \${original_recipient}
`
}

function idOf(name: string, isGroup: boolean): number {
  return Number(
    execFileSync('getent', [isGroup ? 'group' : 'passwd', name], { encoding: 'utf8' }).split(':')[2],
  )
}

function readText(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

const startMaxMs = 30_000

async function untilItListens(port: number, master: ChildProcess): Promise<void> {
  for (const until = Date.now() + startMaxMs; Date.now() < until; await wait(50)) {
    if (master.exitCode !== null) throw new Error(`it ended with ${master.exitCode}`)
    if (await listens(port)) return
  }
  throw new Error(`nothing listens at ${port}`)
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('data', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  }).then((isThere) => isThere as boolean)
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else child.once('exit', () => resolve())
  })
}
