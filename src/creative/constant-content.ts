import Handlebars from 'handlebars'
import type { Template } from '#contracts/campaign.ts'
import type { ContentLimits, RenderedContent } from '#contracts/message.ts'
import { limitFault } from './content-limits.ts'

/**
 * What every customer gets of a template whatever their values are: the text outside of blocks. Where that alone is
 * over a limit no message of it can be sent; the answer says so, null where it may.
 */
export function alwaysOverLimit(template: Template, limits: ContentLimits): string | null {
  const content: RenderedContent = {
    subject: constantText(template.subject),
    html: constantText(template.html),
    text: constantText(template.text),
    url: constantText(template.url ?? ''),
    data: {},
  }
  return limitFault(content, limits)?.detail ?? null
}

/** '' of what does not parse: the compiler says what is wrong with it. */
function constantText(source: string): string {
  try {
    const statements = Handlebars.parse(source).body
    return statements
      .filter((statement) => statement.type === 'ContentStatement')
      .map((statement) => (statement as hbs.AST.ContentStatement).value)
      .join('')
  } catch {
    return ''
  }
}
