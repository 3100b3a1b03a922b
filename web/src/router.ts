/** One address for everything a person may want to send to another. Each page is its own bundle. */
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { useSession } from './stores/session'

const routes: RouteRecordRaw[] = [
  { path: '/', redirect: '/alarms' },
  {
    path: '/sign-in',
    name: 'sign-in',
    component: () => import('./pages/SignIn.vue'),
    meta: { title: 'title.signIn', open: true, bare: true },
  },
  {
    path: '/wall',
    name: 'wall',
    component: () => import('./pages/Wall.vue'),
    meta: { title: 'nav.wall', bare: true },
  },
  {
    path: '/alarms/:id?',
    name: 'alarms',
    component: () => import('./pages/AlarmDesk.vue'),
    meta: { title: 'nav.alarms' },
  },
  {
    path: '/enterprises',
    name: 'enterprises',
    component: () => import('./pages/Enterprises.vue'),
    meta: { title: 'nav.enterprises' },
  },
  {
    path: '/enterprises/:id',
    name: 'enterprise',
    component: () => import('./pages/Enterprise.vue'),
    meta: { title: 'title.enterprise' },
  },
  {
    path: '/sensors/:id',
    name: 'sensor',
    component: () => import('./pages/Sensor.vue'),
    meta: { title: 'title.sensor' },
  },
  {
    path: '/gateways',
    name: 'gateways',
    component: () => import('./pages/Gateways.vue'),
    meta: { title: 'nav.gateways' },
  },
  {
    path: '/gateways/:id',
    name: 'gateway',
    component: () => import('./pages/Gateway.vue'),
    meta: { title: 'title.gateway' },
  },
  {
    path: '/system',
    name: 'system',
    component: () => import('./pages/System.vue'),
    meta: { title: 'nav.system' },
  },
  {
    path: '/settings',
    name: 'settings',
    component: () => import('./pages/Settings.vue'),
    meta: { title: 'nav.settings' },
  },
  {
    path: '/:rest(.*)*',
    name: 'missing',
    component: () => import('./pages/Missing.vue'),
    meta: { title: 'title.missing' },
  },
]

export const router = createRouter({ history: createWebHistory(), routes })

router.beforeEach(async (to) => {
  const session = useSession()
  try {
    await session.resume()
  } catch {
    // The service does not answer: the sign-in page says so and lets people try again.
    return to.meta.open ? true : { name: 'sign-in', query: { next: to.fullPath, away: '1' } }
  }
  if (!session.user && !to.meta.open) return { name: 'sign-in', query: { next: to.fullPath } }
  return true
})

// After an upgrade the parts of pages have new names: a page that was open all week asks for old ones.
router.onError((_error, to) => location.assign(to.fullPath))
