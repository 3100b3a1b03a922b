/** Words that depend on the language and on data: a text of the service, a span of time, a code. */
import { useI18n } from 'vue-i18n'
import { ProblemError, Unreachable } from '@/api/http'
import type { Locale, Text } from '@/api/types'

export interface Words {
  t: ReturnType<typeof useI18n>['t']
  /** The service's text in the reader's language. */
  of: (text: Text | null | undefined) => string
  /** 3 分 12 秒 / 3 min 12 s */
  span: (ms: number) => string
  /** The same to two digits or so, for where there is little room: 45 秒, 5 分钟, 2.5 小时. */
  briefly: (ms: number) => string
  /** A word for a code; where we have none, `none` or else the code itself. */
  code: (group: string, code: string | null | undefined, none?: string) => string
  /** A unit as people write it; symbols are the same in every language. */
  unit: (unit: string) => string
  /** Why a question failed. */
  why: (error: unknown) => string
}

export function useWords(): Words {
  const { t, te, locale } = useI18n()

  const of: Words['of'] = (text) => {
    if (!text) return ''
    return text[locale.value as Locale] || text['zh-CN'] || text.en || ''
  }

  const span: Words['span'] = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000))
    if (s < 60) return t('span.s', { n: s })
    if (s < 3600) return t('span.ms', { m: Math.floor(s / 60), s: s % 60 })
    if (s < 172_800) return t('span.hm', { h: Math.floor(s / 3600), m: Math.floor((s % 3600) / 60) })
    return t('span.dh', { d: Math.floor(s / 86_400), h: Math.floor((s % 86_400) / 3600) })
  }

  const briefly: Words['briefly'] = (ms) => {
    const s = Math.max(0, ms / 1000)
    const text = (n: number): string => String(n < 10 ? Math.round(n * 10) / 10 : Math.round(n))
    if (s < 120) return t('span.s', { n: Math.round(s) })
    if (s < 7200) return t('span.m', { n: Math.floor(s / 60) })
    if (s < 172_800) return t('span.h', { n: text(s / 3600) })
    return t('span.d', { n: text(s / 86_400) })
  }

  const code: Words['code'] = (group, value, none) => {
    if (!value) return ''
    return te(`${group}.${value}`) ? t(`${group}.${value}`) : (none ?? value)
  }

  const unit: Words['unit'] = (name) => code('units', name)

  const why: Words['why'] = (error) => {
    if (error instanceof Unreachable) return t('common.unreachable')
    if (error instanceof ProblemError) {
      const first = error.problem?.errors?.[0]
      return first ? `${error.message} (${first.path}: ${first.reason})` : error.message
    }
    return error instanceof Error ? error.message : String(error)
  }

  return { t, of, span, briefly, code, unit, why }
}
