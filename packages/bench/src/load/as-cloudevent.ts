import type { WaylineEvent } from '@wayline/contracts';

/** The event as a CloudEvent in the JSON format: every field of it has an attribute or an extension (docs/doors.md). */
export function asCloudEvent(event: WaylineEvent): object {
  const { eventId, sessionId, type, occurredAt, userId, anonymousId, machineId, userAgent, source, target, context } =
    event;
  const { platform, namespace, page, referrer, value, seq } = event;
  return {
    specversion: '1.0',
    id: eventId,
    source: source?.name ?? 'bench',
    type,
    time: occurredAt,
    subject: target,
    datacontenttype: 'application/json',
    sessionid: sessionId,
    userid: userId,
    anonymousid: anonymousId,
    machineid: machineId,
    useragent: userAgent,
    sourcekind: source?.kind,
    sourceversion: source?.version,
    sourceinstance: source?.instance,
    platform,
    namespace,
    page,
    referrer,
    value,
    seq,
    data: context,
  };
}
