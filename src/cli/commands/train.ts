import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { Argument, Command, InvalidArgumentError } from 'commander'
import type { ModelCard } from '../../learning/networks/model-card.ts'
import type { ListedNetwork } from '../../learning/networks/network-rows.ts'
import { act, type CliContext, dataDirOf, serverOf } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { done, failed, type Outcome } from '../outcome.ts'
import { callServer, fetchFile, type ServerAddress } from '../server-call.ts'
import { table } from '../table.ts'

interface TrainOptions {
  goal?: string
  campaign?: string
  horizonDays?: number
  seed?: number
  out?: string
}

interface Told extends ListedNetwork {
  card: ModelCard | null
  files: string[]
}

const askEveryMs = 500

export function trainCommand(context: CliContext): Command {
  return new Command('train')
    .description('train a network on what happened so far, beside everything else')
    .addArgument(new Argument('<kind>').choices(['propensity', 'uplift']))
    .option('--goal <id>', 'propensity: whose conversion is predicted (default: the first goal)')
    .option('--horizon-days <days>', 'propensity: how far ahead (default: 30)', whole)
    .option('--campaign <id>', 'uplift: the campaign, with a holdout')
    .option('--seed <number>', 'the same seed and data give the same weights (default: 1)', whole)
    .option('--out <folder>', 'where the files go (default: models/ID in the data folder)')
    .addHelpText(
      'after',
      '\nExample:\n  starling train propensity --horizon-days 14\n  starling train uplift --campaign cart-reminder',
    )
    .action(
      act(context, async (kind: string, options: TrainOptions, command: Command) => {
        const server = serverOf(context, command)
        if ('kind' in server) return server
        const { out, ...asked } = options
        const begun = await callServer<{ modelId: string }>(server, 'POST', '/networks', {
          json: { kind, ...asked },
        })
        if (begun.kind === 'failed') return begun
        const { modelId } = begun.body
        const told = await follow(context, server, modelId)
        if ('kind' in told && told.kind === 'failed') return told as Outcome
        const network = told as Told
        if (network.state === 'failed' || network.card === null) {
          return failed(
            exitCodes.data,
            `${modelId} was not trained: ${network.progress.reason ?? 'no reason is known'}`,
          )
        }
        let folder = out
        if (folder === undefined) {
          const dataDir = dataDirOf(context, command)
          if (typeof dataDir !== 'string') return dataDir
          folder = join(dataDir, 'models', modelId)
        }
        folder = resolve(context.folder, folder)
        mkdirSync(folder, { recursive: true })
        for (const file of network.files) {
          const fetched = await fetchFile(server, `/networks/${modelId}/files/${file}`)
          if (!(fetched instanceof Uint8Array)) return fetched
          writeFileSync(join(folder, file), fetched)
        }
        return done({ modelId, folder, card: network.card }, summary(network.card, folder))
      }),
    )
}

/** Asks until it is ready or failed, with a bar where somebody looks. */
async function follow(context: CliContext, server: ServerAddress, modelId: string) {
  const bar = context.isTerminal
    ? new SingleBar({
        format: `${modelId} {bar} {value}/{total} {stage}`,
        stream: process.stderr,
        clearOnComplete: true,
      })
    : null
  bar?.start(1, 0, { stage: 'waiting' })
  try {
    for (;;) {
      const answer = await callServer<Told>(server, 'GET', `/networks/${modelId}`)
      if (answer.kind === 'failed') return answer
      const { state, progress } = answer.body
      bar?.setTotal(progress.total)
      bar?.update(progress.done, { stage: progress.stage })
      if (state === 'ready' || state === 'failed') return answer.body
      await wait(askEveryMs)
    }
  } finally {
    bar?.stop()
  }
}

function summary(card: ModelCard, folder: string): string {
  const { data, training } = card
  const heads = card.heads.map(({ name, rows, positives, metrics }) => [
    name,
    String(rows),
    String(positives),
    metrics.auc.toFixed(3),
    metrics.logLoss.toFixed(4),
    metrics.logLossOfBaseRate.toFixed(4),
    metrics.ece.toFixed(4),
  ])
  return [
    `${card.modelId}: ${data.rows.taught} rows of ${data.customers} customers, ${training.epochs} epochs on ${training.backend}`,
    '',
    table(['head', 'measured', 'positives', 'AUC', 'log loss', 'of the base rate', 'ECE'], heads),
    '',
    `Model and card: ${folder}`,
  ].join('\n')
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number')
  return value
}
