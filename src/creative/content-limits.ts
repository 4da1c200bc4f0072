import type { ContentFault, ContentLimits, RenderedContent } from '#contracts/message.ts'
import { smsParts } from '#platform/sms/sms-segments.ts'

/**
 * What is larger than a provider takes: said before it is called, since what some of them cut or split costs money,
 * and what others refuse is lost. Null where all fits.
 */
export function limitFault(content: RenderedContent, limits: ContentLimits): ContentFault | null {
  const { subjectCharactersMax, textCharactersMax, smsSegmentsMax, payloadBytesMax } = limits
  const subject = charactersOf(content.subject)
  if (subjectCharactersMax !== undefined && subject > subjectCharactersMax) {
    return overLimit(`the subject has ${subject} characters, at most ${subjectCharactersMax} are taken`)
  }
  const text = charactersOf(content.text)
  if (textCharactersMax !== undefined && text > textCharactersMax) {
    return overLimit(`the text has ${text} characters, at most ${textCharactersMax} are taken`)
  }
  if (smsSegmentsMax !== undefined) {
    const { encoding, parts } = smsParts(content.text)
    if (parts.length > smsSegmentsMax) {
      return overLimit(`the text takes ${parts.length} SMS (${encoding}), at most ${smsSegmentsMax} are sent`)
    }
  }
  const bytes = payloadBytesMax === undefined ? 0 : payloadBytesOf(content)
  if (payloadBytesMax !== undefined && bytes > payloadBytesMax) {
    return overLimit(`the content has ${bytes} bytes, at most ${payloadBytesMax} are taken`)
  }
  return null
}

/** Of all that is transmitted as content, in UTF-8, with the little that puts it together left out. */
function payloadBytesOf({ subject, html, text, url, data }: RenderedContent): number {
  const custom = Object.keys(data).length === 0 ? '' : JSON.stringify(data)
  return [subject, html, text, url, custom].reduce((sum, part) => sum + Buffer.byteLength(part), 0)
}

/** As people count them, and as SMTP and push services do: code points. */
function charactersOf(text: string): number {
  let characters = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0xd800 && unit < 0xdc00) characters--
  }
  return characters
}

function overLimit(detail: string): ContentFault {
  return { code: 'over_limit', detail, variables: [] }
}
