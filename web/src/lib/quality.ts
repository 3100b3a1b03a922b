/** Quality codes: a number on the stream and in columns, a letter or a word from gateways. */

export type QualityName =
  | 'good'
  | 'uncertain'
  | 'bad'
  | 'calibration'
  | 'maintenance'
  | 'offline'
  | 'stopped'
  | 'estimated'

const BY_NUMBER: readonly QualityName[] = [
  'good',
  'uncertain',
  'bad',
  'calibration',
  'maintenance',
  'offline',
  'stopped',
  'estimated',
]
const BY_LETTER: Record<string, QualityName> = {
  G: 'good',
  U: 'uncertain',
  B: 'bad',
  C: 'calibration',
  M: 'maintenance',
  O: 'offline',
  F: 'stopped',
  E: 'estimated',
}

export function qualityOf(quality: string | number | null | undefined): QualityName {
  if (typeof quality === 'number') return BY_NUMBER[quality] ?? 'bad'
  if (!quality) return 'good'
  const word = quality.toLowerCase() as QualityName
  return BY_LETTER[quality] ?? (BY_NUMBER.includes(word) ? word : 'bad')
}

/** Good enough to be judged as it stands. */
export const isGood = (quality: string | number | null | undefined): boolean => qualityOf(quality) === 'good'
