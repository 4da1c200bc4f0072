import Handlebars from 'handlebars'
import type { TemplateContext } from '#creative/context.ts'
import { featureDimensions } from '#decision/features.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { mailTemplate } from './mail.ts'
import { gaussians } from './scene.ts'

const random = createSeededRandom(20, 64)
const heads = Array.from({ length: 20 }, () => gaussians(featureDimensions))
const renderHtml = Handlebars.compile(mailTemplate.html)
const renderSubject = Handlebars.compile(mailTemplate.subject, { noEscape: true })

/** 20 dot products of 64 doubles with one accumulator, 20 logistic functions, one draw. */
export function bareDecision(features: Float64Array): number {
  let sum = 0
  for (let head = 0; head < heads.length; head += 1) {
    const weights = heads[head]!
    let dot = 0
    for (let d = 0; d < 64; d += 1) dot += weights[d]! * features[d]!
    sum += 1 / (1 + Math.exp(-dot))
  }
  return Math.floor((random.next() * sum) % heads.length)
}

/** The mail by Handlebars alone: compiled before, nothing checked. */
export function bareRender(context: TemplateContext): string {
  return renderSubject(context) + renderHtml(context)
}
