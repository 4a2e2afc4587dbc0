import errors from 'kafkajs/src/protocol/error.js';
import type { BrokerDirectory } from './broker-directory.ts';

const GROUP = 0;

/** Node id of the broker that coordinates the group. @throws the error that Kafka names, `retriable` or not */
export async function findCoordinator(directory: BrokerDirectory, groupId: string): Promise<number> {
  const { errorCode, coordinator } = await directory
    .controller()
    .request<{ errorCode: number; coordinator: { nodeId: number } }>('GroupCoordinator', {
      groupId,
      coordinatorType: GROUP,
    });
  if (errorCode !== 0) throw errors.createErrorFromCode(errorCode);
  return coordinator.nodeId;
}

/** Takes a member out of its group. One that is out already is fine. */
export async function leaveGroup(directory: BrokerDirectory, groupId: string, memberId: string): Promise<void> {
  const coordinator = await findCoordinator(directory, groupId);
  const link = directory.to(coordinator, 'ask');
  await link.request('LeaveGroup', { groupId, memberId }).catch((error: { type?: string }) => {
    if (error.type !== 'UNKNOWN_MEMBER_ID') throw error;
  });
}
