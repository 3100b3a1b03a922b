/** Figures as people read them: enough digits to act on, never more. */

function decimalsFor(value: number): number {
  const size = Math.abs(value)
  return size >= 1000 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3
}

function fixed(value: number | null | undefined): string | null {
  if (value === null || value === undefined || !Number.isFinite(value)) return null
  const size = Math.abs(value)
  if (size !== 0 && (size < 0.001 || size >= 1e9)) return value.toPrecision(3)
  return value.toFixed(decimalsFor(value))
}

/** A live value: its width does not change when a digit happens to be zero. */
export function steady(value: number | null | undefined): string {
  const text = fixed(value)
  return text === null ? '—' : grouped(text)
}

/** A set value such as a limit: 25, not 25.0. */
export function figure(value: number | null | undefined): string {
  const text = fixed(value)
  if (text === null) return '—'
  const plain = text.includes('.') && !text.includes('e') ? text.replace(/\.?0+$/, '') : text
  return grouped(plain === '-0' ? '0' : plain)
}

/** 12 345: thin spaces, which every language reads alike. */
export function grouped(value: number | string): string {
  const [whole = '', part] = String(value).split('.')
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, '\u2009')
  return part === undefined ? spaced : `${spaced}.${part}`
}

export function percent(part: number, whole: number): string {
  if (whole <= 0) return '—'
  const share = (100 * part) / whole
  // 1,799 of 1,800 is not 100 %: what is missing must stay visible.
  return share >= 100 ? '100\u2009%' : `${Math.min(share, 99.9).toFixed(1)}\u2009%`
}
