import { encodeVarint } from './codec';

/** Of `ToHelper.stream_data`: field number 14, and wire type 2 for what has a length. */
const STREAM_DATA = (14 << 3) | 2;
const COMMAND = 1 << 3;
const STREAM = 2 << 3;
const DATA = (3 << 3) | 2;
const END = 4 << 3;

/** The frame with a `StreamData`, made with one copy of its bytes: protobufjs and the frame around it would take two. */
export function encodeStreamData(command: number, stream: number, data: Uint8Array, end: boolean): Buffer {
  const fields = [COMMAND, ...encodeVarint(command), STREAM, ...encodeVarint(stream)];
  if (end) fields.push(END, 1);
  if (data.length > 0) fields.push(DATA, ...encodeVarint(data.length));
  const bodyLength = fields.length + data.length;
  const envelope = [STREAM_DATA, ...encodeVarint(bodyLength)];
  const head = [...encodeVarint(envelope.length + bodyLength), ...envelope, ...fields];
  const frame = Buffer.allocUnsafe(head.length + data.length);
  frame.set(head);
  frame.set(data, head.length);
  return frame;
}
