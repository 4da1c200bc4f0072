/** One system call of interest, in the order of the trace. Times are seconds since the epoch. */
export interface TracedCall {
  name: string
  /** What the descriptor is: a path, or a socket. */
  file: string
  /** The arguments as traced: the beginning of what was written. */
  data: string
  startedAt: number
  endedAt: number
}

/** Something that is answered only when it is on disk. */
export interface Promised {
  name: string
  /** Write-ahead file that has to be synced: `/log.db-wal`. */
  file: string
  /** Text that stands in what is written for it, and nowhere else. */
  mark: string
  /** Text of its answer, as the trace quotes it, and of no other. */
  answer: string
}

const traced = '(?:pwrite64|pwritev|write|writev|sendto|sendmsg|fsync|fdatasync)'
const whole = new RegExp(`^(\\d+) +(\\d+\\.\\d+) (${traced})\\(\\d+<(.*?)>(.*?)\\) += .*<(\\d+\\.\\d+)>$`)
const begun = new RegExp(`^(\\d+) +(\\d+\\.\\d+) (${traced})\\(\\d+<(.*?)>(.*) <unfinished \\.\\.\\.>$`)
const resumed = new RegExp(`^(\\d+) +(\\d+\\.\\d+) <\\.\\.\\. (${traced}) resumed>.*$`)

/** Arguments for `strace` that the reader below understands; `file` gets the trace. */
export function straceArguments(file: string): string[] {
  const calls = 'trace=pwrite64,pwritev,write,writev,sendto,sendmsg,fsync,fdatasync'
  // The text of a page and of an answer must be in the trace: 8 kB hold both.
  return ['-f', '-y', '-ttt', '-T', '-s', '8192', '-e', calls, '-e', 'signal=none', '-o', file]
}

/** Reads a trace; calls that another thread interrupted are put together again. */
export function readTrace(text: string): TracedCall[] {
  const calls: TracedCall[] = []
  const open = new Map<string, TracedCall>()
  for (const line of text.split('\n')) {
    const one = whole.exec(line)
    if (one !== null) {
      const [, , startedAt, name, file, data, seconds] = one as unknown as string[]
      calls.push({ ...callOf(name, file, data, startedAt), endedAt: Number(startedAt) + Number(seconds) })
      continue
    }
    const start = begun.exec(line)
    if (start !== null) {
      const [, thread, startedAt, name, file, data] = start as unknown as string[]
      const call = { ...callOf(name, file, data, startedAt), endedAt: Number.POSITIVE_INFINITY }
      open.set(thread ?? '', call)
      calls.push(call)
      continue
    }
    const end = resumed.exec(line)
    const call = open.get(end?.[1] ?? '')
    if (end === null || call === undefined) continue
    call.endedAt = Number(end[2])
    open.delete(end[1] ?? '')
  }
  return calls
}

/**
 * What breaks the promise that acknowledged is on disk: between the write of each thing to its write-ahead file
 * and its answer, an fsync or fdatasync of that file must have begun and ended.
 */
export function violationsOf(calls: TracedCall[], promises: Promised[]): string[] {
  const answers = calls.filter(
    ({ file, data }) => /^(socket|TCP)/.test(file) && data.includes('HTTP/1.1 200'),
  )
  return promises.flatMap(({ name, file, mark, answer }) => {
    const answered = answers.find(({ data }) => data.includes(answer))
    if (answered === undefined) return [`no answer acknowledges ${name}`]
    const own = calls.filter((call) => call.file.endsWith(file))
    // The first: a page is written again when later rows share it.
    const written = own.find((call) => /^p?write/.test(call.name) && call.data.includes(mark))
    if (written === undefined) return [`no write to ${file} holds ${name}`]
    if (written.endedAt > answered.startedAt) return [`${name} was answered before it was written`]
    const synced = own.some(
      (call) =>
        /^f(data)?sync$/.test(call.name) &&
        call.startedAt >= written.endedAt &&
        call.endedAt <= answered.startedAt,
    )
    return synced ? [] : [`no sync between the write and the answer of ${name}`]
  })
}

function callOf(name = '', file = '', data = '', startedAt = ''): Omit<TracedCall, 'endedAt'> {
  return { name, file, data, startedAt: Number(startedAt) }
}
