//! The control socket, or in a run for one command the file in its place: whole messages out of the bytes that arrive, and messages to the client, gathered and sent together.
const std = @import("std");
const ending = @import("ending.zig");
const limits = @import("limits.zig");
const loop = @import("loop.zig");
const messages = @import("messages.zig");
const die = @import("panic.zig").die;
const once = @import("once.zig");
const sys = @import("sys.zig");
const linux = sys.linux;
const wire = @import("wire.zig");

/// The client's socket, where it starts the helper.
pub const control_fd: sys.fd_t = 3;

pub const ReceiveError = error{ VarintTooLong, MessageTooLarge };

/// What passes through here belongs to any command. It is in pages of its own, so that a child can give up its copies.
const Buffers = extern struct {
    small: [limits.receive_buffer_size]u8 align(std.heap.page_size_max),
    out: [limits.transmit_buffer_size]u8,
    /// What an id map command has written to standard error.
    stderr: [limits.map_command_stderr_size_max]u8,
    dropped_head: [limits.dropped_head_size]u8,
};

var buffers: Buffers = undefined;
const small = &buffers.small;
/// Bytes of `small` that were received and not yet handed out.
var start: usize = 0;
var end: usize = 0;
/// A message that would take more than half of `small`, and how much of it there is.
var large: ?[]align(std.heap.page_size_min) u8 = null;
var large_filled: usize = 0;

/// How much is to be passed over of a message that there was no memory for, and how it began.
var dropped_left: usize = 0;
const dropped_head = &buffers.dropped_head;
var dropped_head_used: usize = 0;

const out = &buffers.out;
var out_used: usize = 0;
/// The client has not taken all that was sent; the loop tells when it does.
var is_behind = false;

/// As at the start, for the fuzz program.
pub fn reset() void {
    releaseMessage();
    dropped_left = 0;
    start = 0;
    end = 0;
    out_used = 0;
    is_behind = false;
}

/// Where an id map command's standard error is read to, until the client is told.
pub fn stderrBuffer() []u8 {
    return &buffers.stderr;
}

/// For a child: the copies of what other commands have sent and are sent. A large message is the only one of its time, and so
/// the child's own.
pub fn forget() void {
    comptime std.debug.assert(@sizeOf(Buffers) % std.heap.page_size_max == 0);
    sys.forgetPages(@alignCast(std.mem.asBytes(&buffers)));
}

pub const Received = enum { some, nothing, end };

/// Takes in what has arrived, once.
pub fn receive() Received {
    const space = if (large) |buffer| buffer[large_filled..] else space: {
        if (start == end) {
            start = 0;
            end = 0;
        } else if (end == small.len) {
            // The start of a message that is no large one: less than half.
            @memcpy(small[0 .. end - start], small[start..end]);
            end -= start;
            start = 0;
        }
        break :space small[end..];
    };
    std.debug.assert(space.len > 0);
    const result = if (once.active)
        linux.read(control_fd, space.ptr, space.len)
    else
        linux.recvfrom(control_fd, space.ptr, space.len, linux.MSG.DONTWAIT, null, null);
    switch (@as(sys.E, @enumFromInt(sys.errnoOf(result)))) {
        .SUCCESS => {},
        // NOMEM, NOBUFS: not now. What has arrived stays, and epoll tells of it again.
        .AGAIN, .INTR, .NOMEM, .NOBUFS => return .nothing,
        // ECONNRESET: the client closed with messages unread. Whatever else: nothing can come from this socket any more.
        else => return .end,
    }
    if (result == 0) return .end;
    if (large != null) large_filled += result else end += result;
    return .some;
}

/// A message; or the beginning of one that there was no memory for, and that was passed over.
pub const Message = struct { bytes: []const u8, is_whole: bool = true };

/// The next message, which is good until the next call.
pub fn nextMessage() ReceiveError!?Message {
    if (large) |buffer| {
        if (large_filled < buffer.len) return null;
        return .{ .bytes = buffer };
    }
    if (dropped_left > 0) return dropMore();
    const received = small[start..end];
    const prefix = try wire.peekVarint(received) orelse return null;
    if (prefix.value > limits.message_in_size_max) return error.MessageTooLarge;
    const size: usize = @intCast(prefix.value);
    const body = received[prefix.size..];
    if (body.len >= size) {
        start += prefix.size + size;
        return .{ .bytes = body[0..size] };
    }
    if (size + limits.varint_size_max > small.len / 2) {
        const buffer = sys.allocatePages(size) orelse {
            start += prefix.size;
            dropped_left = size;
            dropped_head_used = 0;
            return dropMore();
        };
        @memcpy(buffer[0..body.len], body);
        large = buffer;
        large_filled = body.len;
        start = end;
    }
    return null;
}

/// Passes over what has arrived of a message that there is no memory for.
fn dropMore() ?Message {
    const bytes = small[start..][0..@min(dropped_left, end - start)];
    const kept = bytes[0..@min(bytes.len, dropped_head.len - dropped_head_used)];
    @memcpy(dropped_head[dropped_head_used..][0..kept.len], kept);
    dropped_head_used += kept.len;
    start += bytes.len;
    dropped_left -= bytes.len;
    return if (dropped_left > 0) null else .{ .bytes = dropped_head[0..dropped_head_used], .is_whole = false };
}

/// The message that nextMessage gave is done with.
pub fn releaseMessage() void {
    const buffer = large orelse return;
    sys.freePages(buffer);
    large = null;
    large_filled = 0;
}

/// Puts the message `kind` of ToClient into the queue, which `flush` sends.
pub fn send(comptime kind: []const u8, message: *const @typeInfo(@FieldType(messages.ToClient, kind)).optional.child) void {
    const room = roomForMessage();
    out_used += wire.encodeDelimited(messages.ToClient, kind, message, room);
}

/// A client that reads nothing while more happens to its commands than there is room to tell: the helper waits for it.
noinline fn roomForMessage() []u8 {
    if (out.len - out_used < limits.message_out_size_max) sendAll(true);
    return out[out_used..];
}

/// The soft limit on the size of files is for the program (RLIMIT_FSIZE, man 2 setrlimit; SIGXFSZ is blocked here).
noinline fn writeToFile(bytes: []const u8) usize {
    const result = linux.write(control_fd, bytes.ptr, bytes.len);
    var limit: linux.rlimit = undefined;
    if (!sys.isError(result, .FBIG) or sys.errnoOf(linux.prlimit(0, .FSIZE, null, &limit)) != 0) return result;
    _ = linux.prlimit(0, .FSIZE, &.{ .cur = limit.max, .max = limit.max }, null);
    defer _ = linux.prlimit(0, .FSIZE, &limit, null);
    return linux.write(control_fd, bytes.ptr, bytes.len);
}

/// What comes before the bytes of a StreamData, in a form that always takes the same room: its numbers are varints with
/// as many bytes as the largest one needs.
const stream_header_size = 23;

/// Whether the client takes bytes of streams at the moment.
pub fn takesStreamData() bool {
    return !is_behind and out_used + stream_header_size + limits.stream_chunk_size <= limits.stream_room;
}

/// Room for the bytes of a StreamData; null where the client has to take some first.
pub fn streamSpace() ?[]u8 {
    if (!is_behind and !takesStreamData()) sendAll(false);
    return if (takesStreamData()) out[out_used + stream_header_size .. limits.stream_room] else null;
}

/// Queues a StreamData whose bytes, `size` of them, are in `streamSpace` already.
pub fn sendStreamData(command: u32, stream: u32, size: usize, at_end: bool) void {
    const header = out[out_used..][0..stream_header_size];
    const body_size = stream_header_size - 7 + size;
    const numbers = messages.StreamData.numbers;
    var at: usize = 0;
    putNumber(header, &at, 3, body_size + 4);
    header[at] = messages.ToClient.numbers.stream_data << 3 | 2;
    at += 1;
    putNumber(header, &at, 3, body_size);
    header[at] = numbers.command << 3;
    at += 1;
    putNumber(header, &at, 5, command);
    header[at] = numbers.stream << 3;
    at += 1;
    putNumber(header, &at, 3, stream);
    header[at] = numbers.end << 3;
    header[at + 1] = @intFromBool(at_end);
    header[at + 2] = numbers.data << 3 | 2;
    at += 3;
    putNumber(header, &at, 3, size);
    std.debug.assert(at == header.len);
    out_used += header.len + size;
}

fn putNumber(header: []u8, at: *usize, size: usize, number: usize) void {
    var rest = number;
    for (0..size) |index| {
        header[at.* + index] = @as(u8, @truncate(rest & 0x7f)) | if (index + 1 < size) @as(u8, 0x80) else 0;
        rest >>= 7;
    }
    std.debug.assert(rest == 0);
    at.* += size;
}

/// The end of a stream that has no bytes any more.
pub fn sendStreamEnd(command: u32, stream: u32) void {
    send("stream_data", &.{ .command = command, .stream = stream, .end = true });
}

/// Sends what the client takes at once. The loop goes on with the rest as soon as it takes more.
pub fn flush() void {
    sendAll(once.active);
}

/// Sends all that is queued, before this process ends.
pub fn flushAll() void {
    sendAll(true);
}

/// The client takes more.
pub fn writable() void {
    sendAll(false);
}

fn sendAll(waits: bool) void {
    var sent: usize = 0;
    while (sent < out_used) {
        const flags = linux.MSG.DONTWAIT | linux.MSG.NOSIGNAL;
        // In a file, answers come behind the requests, which were read to their end.
        const result = if (once.active)
            writeToFile(out[sent..out_used])
        else
            linux.sendto(control_fd, out[sent..].ptr, out_used - sent, flags, null, 0);
        switch (@as(sys.E, @enumFromInt(sys.errnoOf(result)))) {
            .SUCCESS => sent += result,
            .INTR => {},
            // NOMEM, NOBUFS: the kernel lacks memory at the moment.
            .AGAIN, .NOMEM, .NOBUFS => {
                if (!waits) return fallBehind(sent);
                var waiting = [_]linux.pollfd{.{ .fd = control_fd, .events = linux.POLL.OUT, .revents = 0 }};
                _ = linux.poll(&waiting, waiting.len, -1);
            },
            // EPIPE, ECONNRESET: the client is gone. In a file, there is no room.
            else => {
                if (once.active) die("cannot write its answer", 74);
                ending.endChildren();
                linux.exit_group(0);
            },
        }
    }
    out_used = 0;
    catchUp();
}

/// The rest comes to the front.
fn fallBehind(sent: usize) void {
    std.mem.copyForwards(u8, out, out[sent..out_used]);
    out_used -= sent;
    if (is_behind) return;
    is_behind = true;
    loop.awaitClient(true);
}

fn catchUp() void {
    if (!is_behind) return;
    is_behind = false;
    loop.awaitClient(false);
}
