import { expect, test } from 'vitest'
import { signV4 } from '../../../../src/action/http/sign-v4.ts'

/** AWS' published test suite of Signature Version 4 (aws-sig-v4-test-suite): its key, time and answers. */
const how = {
  region: 'us-east-1',
  service: 'service',
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
}
const now = Date.UTC(2015, 7, 30, 12, 36)
const url = 'https://example.amazonaws.com/'

test('post-vanilla', () => {
  expect(signV4({ url, headers: {}, body: '' }, how, now).authorization).toBe(
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  )
})

test('post-x-www-form-urlencoded', () => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  expect(signV4({ url, headers, body: 'Param1=value1' }, how, now).authorization).toBe(
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  )
})

test('post-sts-header-before: a session token is signed too', () => {
  const credentials = {
    ...how.credentials,
    sessionToken:
      'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==',
  }
  expect(signV4({ url, headers: {}, body: '' }, { ...how, credentials }, now).authorization).toMatch(
    /SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead$/,
  )
})
