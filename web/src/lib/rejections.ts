/**
 * Why something of a message was refused, as a code with words in both languages.
 *
 * The service keeps the English sentence that the gateway was sent; which of the causes of
 * `domain/wire/rejections.py` it stands for is read off the sentence. One that is not known here is
 * shown as it came.
 */

const SIGNS: readonly [cause: string, sign: RegExp][] = [
  ['more', /^and \d+ more: /],
  ['oversize', /^the message has \d+ bytes; at most /],
  ['unreadable', /^the message is (not UTF-8|not JSON:|nested too deep)/],
  ['shape', /^(the message is not a JSON object|readings is not a list|values is not an object)/],
  ['shape', /^(the message has neither readings nor values|a reading is an object with s and v)/],
  ['head', /^(boot is a string of|seq counts messages) /],
  ['tag', /^(s, the sensor's tag, is missing|a tag has 1 to 128 characters)/],
  ['unknown_sensor', /^this gateway has no sensor /],
  ['state', / is not a state of this sensor /],
  ['value', /^v is (missing|a number)/],
  ['quality', /^a quality is one of /],
  ['unregistered', /^gateway '.*' is not registered/],
  ['topic', /^gateway '.*' may not publish on /],
  ['future', /\bfuture\b/],
  ['time', /^(the time lies outside|a time is milliseconds|has no time of its own)/],
  ['time', / is not (RFC 3339 with a zone|a time: )/],
]

export function causeOf(reason: string): string {
  return SIGNS.find(([, sign]) => sign.test(reason))?.[0] ?? ''
}
