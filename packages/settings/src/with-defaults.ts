import type { CallerSettings, SettingsView } from './settings-view.ts';

/** The same look-ups, with what holds for whom nothing else is set. */
export function withDefaults(view: SettingsView, { rates, ...others }: CallerSettings): SettingsView {
  // Looked up for every request, and the same few objects again and again, which never change.
  const merged = new WeakMap<CallerSettings, CallerSettings>();
  const merge = (own: CallerSettings): CallerSettings => {
    const known = merged.get(own);
    if (known) return known;
    const both = { ...others, ...own, rates: { ...rates, ...own.rates } };
    merged.set(own, both);
    return both;
  };
  return {
    key: (projectId, keyId) => merge(view.key(projectId, keyId)),
    project: (projectId) => merge(view.project(projectId)),
    freshness: () => view.freshness(),
  };
}
