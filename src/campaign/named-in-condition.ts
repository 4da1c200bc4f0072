import type { Condition } from '#contracts/condition.ts'

/** What a condition refers to, with the path inside it: `.all[1].segment`. */
export interface NamedInCondition {
  segments: { path: string; id: string }[]
  properties: { path: string }[]
}

export function namedInCondition(condition: Condition, path = ''): NamedInCondition {
  if ('all' in condition) return together(condition.all, `${path}.all`)
  if ('any' in condition) return together(condition.any, `${path}.any`)
  if ('not' in condition) return namedInCondition(condition.not, `${path}.not`)
  return {
    segments: 'segment' in condition ? [{ path: `${path}.segment`, id: condition.segment }] : [],
    properties: 'property' in condition ? [{ path: `${path}.property` }] : [],
  }
}

function together(conditions: Condition[], path: string): NamedInCondition {
  const named = conditions.map((condition, i) => namedInCondition(condition, `${path}[${i}]`))
  return {
    segments: named.flatMap(({ segments }) => segments),
    properties: named.flatMap(({ properties }) => properties),
  }
}
