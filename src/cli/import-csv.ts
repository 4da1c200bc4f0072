import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import type { CliContext } from './context.ts'
import { type CsvChunk, csvChunks } from './csv-chunks.ts'
import { exitCodes } from './exit-codes.ts'
import { done, type Failure, failed, type Outcome } from './outcome.ts'
import { type Answer, callServer, type ServerAddress } from './server-call.ts'

interface Imported {
  imported: number
  /** Lines that were in already, where that is worth a word. */
  duplicates?: number
  refused: { line: number; field?: string; detail: string }[]
  alreadySending?: string[]
}

const rowsPerRequest = 5000
const refusedShown = 20
/** A full log empties again: a few seconds each, a minute in all. */
const triesMax = 20
const waitMs = 3000

/** Gives a CSV file to the server, request by request, never the whole of it in memory. */
export async function importCsv(
  context: CliContext,
  server: ServerAddress,
  { what, path, file }: { what: string; path: string; file: string },
): Promise<Outcome> {
  const size = await stat(file).then(
    (found) => found.size,
    () => null,
  )
  if (size === null) return failed(exitCodes.data, `cannot read ${file}`, 'Check the name.')
  const total: Imported = { imported: 0, refused: [] }
  const bar = new SingleBar({ format: `${what} {bar} {percentage} %  {lines} lines`, stream: process.stderr })
  if (context.isTerminal) bar.start(size, 0, { lines: 0 })
  try {
    let lines = 0
    for await (const chunk of csvChunks(createReadStream(file), rowsPerRequest)) {
      if ('fault' in chunk) return failed(exitCodes.data, `${file}: ${chunk.fault}`)
      const answer = await send(server, path, chunk)
      if (answer.kind === 'failed') return afterSome(answer, total)
      add(total, answer.body, chunk)
      lines += chunk.lines.length
      bar.update(Math.min(size, chunk.bytesRead), { lines })
    }
  } finally {
    bar.stop()
  }
  return summary(file, total)
}

async function send(server: ServerAddress, path: string, chunk: CsvChunk): Promise<Answer<Imported>> {
  for (let tries = 1; ; tries++) {
    const answer = await callServer<Imported>(server, 'POST', path, { csv: chunk.csv })
    const isBusy =
      answer.kind === 'failed' && (answer.details as { status?: number } | undefined)?.status === 429
    if (!isBusy || tries === triesMax) return answer
    await wait(waitMs)
  }
}

function add(total: Imported, own: Imported, chunk: CsvChunk): void {
  total.imported += own.imported
  if (own.duplicates !== undefined) total.duplicates = (total.duplicates ?? 0) + own.duplicates
  for (const refused of own.refused) {
    total.refused.push({
      ...refused,
      line: chunk.lines[chunk.bodyLines.indexOf(refused.line)] ?? refused.line,
    })
  }
  if (own.alreadySending !== undefined) {
    total.alreadySending = [...(total.alreadySending ?? []), ...own.alreadySending]
  }
}

function afterSome(failure: Failure, { imported }: Imported): Failure {
  if (imported === 0) return failure
  const next = `${imported} lines are in. Import the file again: what is in stays as it is.`
  return { ...failure, next: failure.next === undefined ? next : `${failure.next} ${next}` }
}

function summary(file: string, total: Imported): Outcome {
  const { imported, duplicates = 0, refused } = total
  const twice = duplicates === 0 ? '' : `, ${duplicates} were in already`
  if (refused.length === 0) return done(total, `${imported} lines imported${twice}.`)
  const shown = refused.slice(0, refusedShown).map(({ line, field = '', detail }) => {
    return `  line ${line}: ${field === '' ? '' : `${field}: `}${detail}`
  })
  const more = refused.length > refusedShown ? [`  … and ${refused.length - refusedShown} more`] : []
  const text = [
    `${imported} lines imported${twice}, ${refused.length} refused:`,
    ...shown,
    ...more,
    `Correct them in ${file} and import it again: what is in stays as it is.`,
  ].join('\n')
  return { kind: 'done', value: total, text, exitCode: exitCodes.data }
}
