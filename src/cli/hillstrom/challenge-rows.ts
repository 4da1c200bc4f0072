import { createReadStream } from 'node:fs'
import { parse } from 'csv-parse'

/** One customer of the challenge: who, which arm, and what came of it. */
export interface ChallengeRow {
  userId: string
  arm: string
  traits: Record<string, string>
  visited: boolean
  converted: boolean
  /** In units of the currency, as written. */
  spend: number
}

const outcomeColumns = new Set(['segment', 'visit', 'conversion', 'spend'])

/** Reads the file of the MineThatData e-mail challenge (2008); fields may be quoted. */
export async function readChallenge(file: string): Promise<ChallengeRow[]> {
  const rows: ChallengeRow[] = []
  const parser = createReadStream(file).pipe(
    parse({ columns: true, skip_empty_lines: true, trim: true, bom: true }),
  )
  for await (const line of parser as AsyncIterable<Record<string, string>>) {
    const { segment, visit, conversion, spend } = line
    if (segment === undefined || visit === undefined || conversion === undefined || spend === undefined) {
      throw new Error(`${file} lacks one of the columns segment, visit, conversion, spend`)
    }
    rows.push({
      userId: `hillstrom-${rows.length + 1}`,
      arm: armOf(segment),
      traits: Object.fromEntries(Object.entries(line).filter(([column]) => !outcomeColumns.has(column))),
      visited: visit === '1',
      converted: conversion === '1',
      spend: Number(spend),
    })
  }
  return rows
}

/** `Mens E-Mail` → `mens`; nobody's mail is the control. */
function armOf(segment: string): string {
  const word = segment.toLowerCase().split(/\s+/)[0] ?? ''
  return word === 'no' ? 'control' : word
}
