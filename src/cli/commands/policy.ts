import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { operatorName } from '../operator-name.ts'
import { done, type Failure, failed, type Outcome } from '../outcome.ts'
import {
  type Candidate,
  candidatesText,
  type Verdict,
  type Version,
  verdictText,
  versionsText,
} from '../policy-text.ts'
import { addFeatures } from './policy-features.ts'

export function policyCommand(context: CliContext): Command {
  const policy = new Command('policy')
    .description('versions of the policy: list, propose, promote, roll back')
    .addHelpText('after', '\nExample:\n  starling policy rollback --help')
  addReading(policy, context)
  addPropose(policy, context)
  addPromote(policy, context)
  addRollback(policy, context)
  addFeatures(policy, context)
  addSettings(policy, context)
  return policy
}

function addReading(policy: Command, context: CliContext): void {
  policy
    .command('list')
    .description('versions of the policy, newest first, and what is proposed')
    .option('--limit <count>', 'most versions shown', '20')
    .addHelpText('after', '\nExample:\n  starling policy list')
    .action(
      act(context, async ({ limit }: { limit: string }, command: Command) => {
        const path = `/policy/versions?limit=${encodeURIComponent(limit)}`
        const versions = await ask<{ items: Version[] }>(context, command, 'GET', path)
        if (versions.kind === 'failed') return versions
        const candidates = await ask<{ items: Candidate[] }>(context, command, 'GET', '/policy/candidates')
        if (candidates.kind === 'failed') return candidates
        const value = { versions: versions.body.items, candidates: candidates.body.items }
        return done(value, [versionsText(value.versions), ...candidatesText(value.candidates)].join('\n'))
      }),
    )
  policy
    .command('show')
    .description('a version with its manifest, or a candidate with its verdict')
    .argument('<id>')
    .addHelpText('after', '\nExample:\n  starling policy show s0000000012')
    .action(
      act(context, async (id: string, _options: object, command: Command) => {
        const isVersion = /^s\d{10}$/.test(id)
        const path = `/policy/${isVersion ? 'versions' : 'candidates'}/${encodeURIComponent(id)}`
        const answer = await ask<object>(context, command, 'GET', path)
        return answer.kind === 'failed' ? answer : done(answer.body, JSON.stringify(answer.body, null, 2))
      }),
    )
}

function addPropose(policy: Command, context: CliContext): void {
  policy
    .command('propose')
    .description('put a policy forward; it goes live through the gate')
    .option('--from <version>', 'the version whose content it starts from', 'latest')
    .option('--policy <json>', 'another way of drawing, such as {"kind":"greedy"}')
    .option(
      '--network <model>',
      'heads over the bottleneck of a trained network, taught by every reward so far',
    )
    .option('--heads <file>', 'JSON list of {campaignId, head, weights}: weights made elsewhere')
    .option('--note <text>', 'what it is', '')
    .option('--actor <name>', 'who proposes it', operatorName())
    .addHelpText('after', '\nExample:\n  starling policy propose --from s0000000012 --note "before the sale"')
    .action(
      act(context, async ({ heads: file, policy: text, ...rest }: ProposeOptions, command: Command) => {
        const heads = file === undefined ? [] : readHeads(file)
        if ('kind' in heads) return heads
        const policy = text === undefined ? undefined : readJson(text)
        if (policy instanceof Error) return failed(exitCodes.usage, `--policy: ${policy.message}`)
        const json = { ...rest, heads, ...(policy === undefined ? {} : { policy }) }
        const answer = await ask<Candidate>(context, command, 'POST', '/policy/candidates', { json })
        if (answer.kind === 'failed') return answer
        const { id } = answer.body
        if (answer.body.state === 'building') return await whenBuilt(context, command, id)
        return done(answer.body, `Proposed as ${id}. starling policy promote ${id} asks the gate.`)
      }),
    )
}

const askEveryMs = 500

/** Asks until the candidate has its heads, with a bar where somebody looks. */
async function whenBuilt(context: CliContext, command: Command, id: string): Promise<Outcome> {
  const bar = context.isTerminal
    ? new SingleBar({
        format: 'teaching {bar} {value}/{total} rewards',
        stream: process.stderr,
        clearOnComplete: true,
      })
    : null
  bar?.start(1, 0)
  try {
    for (;;) {
      const answer = await ask<Candidate>(context, command, 'GET', `/policy/candidates/${id}`)
      if (answer.kind === 'failed') return answer
      const { state, verdict, manifest } = answer.body
      const progress = verdict?.building
      if (progress !== undefined) {
        bar?.setTotal(progress.total)
        bar?.update(progress.done)
      }
      if (state === 'failed')
        return failed(exitCodes.data, `${id} could not be built: ${verdict?.reasons?.join('; ') ?? ''}`)
      if (state !== 'building') {
        const text = `Proposed as ${id}: ${manifest.heads.length} heads, taught by ${manifest.rewards} rewards.`
        return done(answer.body, `${text} starling policy promote ${id} asks the gate.`)
      }
      await wait(askEveryMs)
    }
  } finally {
    bar?.stop()
  }
}

interface ProposeOptions {
  from: string
  network?: string
  policy?: string
  heads?: string
  note: string
  actor: string
}

function addPromote(policy: Command, context: CliContext): void {
  policy
    .command('promote')
    .description('let a candidate go live, if the gate passes it')
    .argument('<candidate>')
    .option('--override <reason>', 'let it go live against the gate; the audit keeps who and why')
    .option('--actor <name>', 'who does it', operatorName())
    .addHelpText('after', '\nExample:\n  starling policy promote 4f1c2f0e9b7d4b3fa1c0d9e8b7a6c5d4')
    .action(
      act(context, async (id: string, options: { override?: string; actor: string }, command: Command) => {
        const path = `/policy/candidates/${encodeURIComponent(id)}`
        const answer = await ask<{ snapshotId: string; verdict: Verdict }>(
          context,
          command,
          'POST',
          `${path}/promote`,
          { json: options },
        )
        if (answer.kind === 'failed') return answer
        const { snapshotId, verdict } = answer.body
        const how = verdict.passed ? 'passed the gate' : 'overrode the gate'
        return done(answer.body, `${verdictText(verdict)}\n${id} ${how} and is in force as ${snapshotId}.`)
      }),
    )
}

function addRollback(policy: Command, context: CliContext): void {
  policy
    .command('rollback')
    .description('put an earlier version in force again')
    .argument('[version]', 'default: the one before', 'previous')
    .requiredOption('--reason <text>', 'why; the audit keeps it')
    .option('--actor <name>', 'who does it', operatorName())
    .addHelpText(
      'after',
      '\nExample:\n  starling policy rollback s0000000012 --reason "learned from a broken feed"',
    )
    .action(
      act(context, async (to: string, options: { reason: string; actor: string }, command: Command) => {
        const json = { to, ...options }
        const answer = await ask<{ snapshotId: string }>(context, command, 'POST', '/policy/rollback', {
          json,
        })
        if (answer.kind === 'failed') return answer
        const what = to === 'previous' ? 'the version before' : to
        return done(answer.body, `What ${what} decided by is in force again, as ${answer.body.snapshotId}.`)
      }),
    )
}

function addSettings(policy: Command, context: CliContext): void {
  policy
    .command('settings')
    .description('show or change what the gate asks for, and what the learner forgets')
    .option('--automatic <yes|no>', 'whether what passes goes live by itself')
    .option('--loss-max-share <share>', 'δ as a share of what the best constant action is worth')
    .option('--effective-rows-min <count>', 'fewest effective decisions, at least 1000')
    .option('--forget-half-life <days|never>', 'after so many days what was learned counts half as much')
    .option('--actor <name>', 'who changes it', operatorName())
    .addHelpText('after', '\nExample:\n  starling policy settings --automatic yes --forget-half-life 30')
    .action(
      act(context, async ({ actor, ...given }: SettingsOptions, command: Command) => {
        const patch = {
          ...(given.automatic === undefined ? {} : { automatic: given.automatic === 'yes' }),
          ...(given.lossMaxShare === undefined ? {} : { lossMaxShare: Number(given.lossMaxShare) }),
          ...(given.effectiveRowsMin === undefined
            ? {}
            : { effectiveRowsMin: Number(given.effectiveRowsMin) }),
          ...(given.forgetHalfLife === undefined
            ? {}
            : { forgetHalfLifeDays: given.forgetHalfLife === 'never' ? null : Number(given.forgetHalfLife) }),
        }
        const isChange = Object.keys(patch).length > 0
        const answer = await ask<Settings>(
          context,
          command,
          isChange ? 'PATCH' : 'GET',
          '/policy/settings',
          isChange ? { json: { ...patch, actor } } : undefined,
        )
        if (answer.kind === 'failed') return answer
        const { automatic, effectiveRowsMin, lossMaxShare, forgetHalfLifeDays } = answer.body
        const lines = [
          `What passes goes live ${automatic ? 'by itself' : 'when somebody promotes it'}.`,
          `The gate asks for ${effectiveRowsMin} effective decisions and lets a policy risk ${100 * lossMaxShare} % of what the best constant action is worth.`,
          forgetHalfLifeDays === null
            ? 'Nothing that was learned is forgotten.'
            : `What was learned counts half as much after ${forgetHalfLifeDays} days.`,
        ]
        return done(answer.body, lines.join('\n'))
      }),
    )
}

interface SettingsOptions {
  automatic?: string
  lossMaxShare?: string
  effectiveRowsMin?: string
  forgetHalfLife?: string
  actor: string
}
interface Settings {
  automatic: boolean
  effectiveRowsMin: number
  lossMaxShare: number
  forgetHalfLifeDays: number | null
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function readHeads(file: string): object[] | Failure {
  try {
    const heads: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (Array.isArray(heads)) return heads
    return failed(exitCodes.data, `${file} holds no list of heads`)
  } catch (error) {
    return failed(exitCodes.data, `${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
