import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

export const projectFolder = new URL('../../../', import.meta.url)

export interface ComposeService {
  image?: string
  build?: unknown
  environment?: Record<string, string>
  ports?: string[]
  volumes?: string[]
  depends_on?: Record<string, { condition?: string }>
  healthcheck?: { test?: string[]; interval?: string; timeout?: string; retries?: number }
  restart?: string
  stop_grace_period?: string
  [other: string]: unknown
}

export interface Compose {
  services: Record<string, ComposeService>
  volumes?: Record<string, unknown>
}

/** The file as Compose understands it: anchors merged, and `${…}` filled in from `variables`. */
export function readCompose(text: string, variables: Record<string, string>): Compose {
  return parse(text, { merge: true, reviver: (_key, value) => fillIn(value, variables) }) as Compose
}

export function composeText(): string {
  return readFileSync(new URL('docker-compose.yml', projectFolder), 'utf8')
}

/** `${NAME:-default}` and `${NAME:?message}`; others are refused, since Compose would take nothing for them. */
function fillIn(value: unknown, variables: Record<string, string>): unknown {
  if (typeof value !== 'string') return value
  return value.replace(/\$\{(\w+)([^}]*)\}/g, (whole, name: string, rest: string) => {
    const given = variables[name]
    if (given !== undefined) return given
    if (rest.startsWith(':-')) return rest.slice(2)
    throw new Error(`${whole}: ${name} is not set and has no default`)
  })
}

/** `40s`, `1m30s` → milliseconds. */
export function durationMs(text: string | undefined): number {
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  const parts = [...(text ?? '').matchAll(/(\d+)(ms|s|m|h)/g)]
  if (parts.length === 0) throw new Error(`not a duration: ${text}`)
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0)
}

/** Whether an image is named by a full version, so that tomorrow's is the same: `redis:8.10.2-trixie`. */
export function isPinned(image: string): boolean {
  return /^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)*(@sha256:[0-9a-f]{64})?$/.test(image)
}
