/** What a command came to: `value` for programs, `text` for people. */
export type Outcome =
  | { kind: 'done'; value: unknown; text: string; exitCode?: number }
  /** `next` says what to do now. */
  | { kind: 'failed'; exitCode: number; message: string; next?: string; details?: unknown }

export type Failure = Extract<Outcome, { kind: 'failed' }>

export function done(value: unknown, text: string): Outcome {
  return { kind: 'done', value, text }
}

export function failed(exitCode: number, message: string, next?: string): Failure {
  return { kind: 'failed', exitCode, message, ...(next === undefined ? {} : { next }) }
}

export interface Output {
  stdout(text: string): void
  stderr(text: string): void
}

/** Prints the outcome; resolves to the exit code. */
export function tell(outcome: Outcome, isJson: boolean, output: Output): number {
  if (outcome.kind === 'done') {
    const text = isJson ? JSON.stringify(outcome.value, null, 2) : outcome.text.trimEnd()
    if (text !== '') output.stdout(`${text}\n`)
    return outcome.exitCode ?? 0
  }
  const { message, next, details, exitCode } = outcome
  if (isJson) {
    const error = { message, exitCode, ...(next === undefined ? {} : { next }) }
    output.stderr(`${JSON.stringify({ error: details === undefined ? error : { ...error, details } })}\n`)
  } else {
    output.stderr(`${message}\n${next === undefined ? '' : `${next}\n`}`)
  }
  return exitCode
}
