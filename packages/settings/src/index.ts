export {
  type FollowSettingsOptions,
  followSettings,
  type LiveSettings,
  type SettingsLogger,
} from './follow-settings.ts';
export { readSettingVersions } from './read-setting-versions.ts';
export { formatSetting } from './setting-record.ts';
export {
  type CallerSettings,
  emptySettings,
  type Rates,
  type SettingsFreshness,
  type SettingsView,
} from './settings-view.ts';
export { withDefaults } from './with-defaults.ts';
